import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { emptyResource } from '@opentelemetry/resources'
import type { AttemptRecord } from '../../http/telemetry/attempt-record.ts'
import { toAttemptSpan } from './attempt-span.ts'

const about = { resource: emptyResource(), scope: { name: 'test', version: '1' } }

const attempt: AttemptRecord = {
  status: 200,
  resends: 0,
  startMs: 1_763_000_000_250,
  durationMs: 1_500,
  method: 'GET',
  original: '',
  scheme: 'http://',
  version: '1.1',
  server: 'app.test:8080',
  peer: '10.0.0.1:8080',
  fault: '',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentId: '00f067aa0ba902b8',
  target: '/a?b=1&sig=secret',
}

const attributesOf = (changes: Partial<AttemptRecord>): Record<string, unknown> => ({
  ...toAttemptSpan({ ...attempt, ...changes }, about).attributes,
})

test('a span has the attributes of the conventions for clients', () => {
  const span = toAttemptSpan(attempt, about)
  assert.deepEqual([span.name, span.kind, span.status.code], ['GET', SpanKind.CLIENT, 0])
  assert.equal(span.spanContext().spanId, attempt.spanId)
  assert.equal(span.parentSpanContext?.spanId, attempt.parentId)
  assert.equal(span.parentSpanContext.isRemote, false)
  assert.deepEqual(span.startTime, [1_763_000_000, 250_000_000])
  assert.deepEqual(span.endTime, [1_763_000_001, 750_000_000])
  assert.deepEqual(span.attributes, {
    'http.request.method': 'GET',
    'url.full': 'http://app.test:8080/a?b=1&sig=REDACTED',
    'server.address': 'app.test',
    'server.port': 8080,
    'network.peer.address': '10.0.0.1',
    'network.peer.port': 8080,
    'network.protocol.version': '1.1',
    'http.response.status_code': 200,
  })
})

test('every status of 400 and above is a failure, and so is what brought no status', () => {
  for (const [changes, error] of [
    [{ status: 404 }, '404'],
    [{ status: 503 }, '503'],
    [{ status: 0, fault: 'ECONNREFUSED' }, 'ECONNREFUSED'],
    [{ status: 200, fault: 'timeout' }, 'timeout'],
    [{ status: 302 }, undefined],
  ] as const) {
    const { attributes, status } = toAttemptSpan({ ...attempt, ...changes }, about)
    assert.equal(attributes['error.type'], error)
    assert.equal(
      status.code,
      error === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR,
      JSON.stringify(changes),
    )
    const { status: code } = changes
    assert.equal(attributes['http.response.status_code'], code === 0 ? undefined : code)
  }
})

test('servers are told by name, address or socket', () => {
  const pick = (changes: Partial<AttemptRecord>): unknown[] => {
    const found = attributesOf(changes)
    return ['url.full', 'server.address', 'server.port', 'network.peer.address'].map(
      (name) => found[name],
    )
  }
  assert.deepEqual(pick({ server: 'app.test', peer: '[2001:db8::1]:443', scheme: 'https://' }), [
    'https://app.test/a?b=1&sig=REDACTED',
    'app.test',
    443,
    '2001:db8::1',
  ])
  assert.deepEqual(
    pick({ server: '[::1]:81', peer: '[::1]:81', scheme: 'grpcs://', target: '/' }),
    ['https://[::1]:81/', '::1', 81, '::1'],
  )
  assert.deepEqual(pick({ server: 'unix:/run/a.sock', peer: 'unix:/run/a.sock', target: '/x' }), [
    'http://localhost/x',
    '/run/a.sock',
    undefined,
    '/run/a.sock',
  ])
})

test('what was sent again says so, and what clients make up is one method', () => {
  const { name } = toAttemptSpan({ ...attempt, method: '_OTHER', original: 'BREW' }, about)
  assert.equal(name, 'HTTP')
  const found = attributesOf({ resends: 2, method: '_OTHER', original: 'BREW' })
  assert.equal(found['http.request.resend_count'], 2)
  assert.equal(found['http.request.method_original'], 'BREW')
})
