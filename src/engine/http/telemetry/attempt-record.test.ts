import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AttemptFacts, decodeAttempt, isAttempt, writeAttempt } from './attempt-record.ts'
import { telemetryLimits } from './limits.ts'
import { RecordBytes } from './record-bytes.ts'
import { RequestSpan } from './request-span.ts'
import { RecordWriter } from './span-record.ts'

const facts: AttemptFacts = {
  status: 503,
  resends: 2,
  startMs: 1_763_000_000_123.25,
  durationMs: 4.5,
  method: '_OTHER',
  original: 'PURGE',
  scheme: 'grpcs://',
  version: '2',
  server: 'prüfung.example:8443',
  peer: '[::1]:8443',
  fault: 'ECONNRESET',
}

const parent = Object.assign(new RequestSpan(), {
  trace0: 0xffff_ffff,
  trace1: 1,
  trace2: 2,
  trace3: 3,
  span0: 4,
  span1: 5,
})
const ids = { parent, own: { span0: 0xabcd_ef01, span1: 7 } }
const buffer = Buffer.alloc(telemetryLimits.recordBytesMax + 8)

function begin(): RecordBytes {
  const room = new RecordBytes()
  buffer.fill(0xee)
  room.begin(buffer, 4)
  return room
}

test('an attempt comes back as it was', () => {
  const room = begin()
  writeAttempt(room, facts, ids)
  room.range(Buffer.from('GET /a?b HTTP/1.1'), 4, 8)
  assert.equal(isAttempt(buffer, 4), true)
  assert.deepEqual(decodeAttempt(buffer, 4), {
    ...facts,
    traceId: 'ffffffff000000010000000200000003',
    spanId: 'abcdef0100000007',
    parentId: '0000000400000005',
    target: '/a?b',
  })
})

test('long texts are cut, and the record stays within its room', () => {
  const room = begin()
  const long = 'ä'.repeat(20_000)
  const texts = { method: long, original: long, scheme: long, version: long, server: long }
  writeAttempt(room, { ...facts, ...texts, peer: long, fault: long }, ids)
  room.text(long, telemetryLimits.textBytesMax)
  assert.ok(room.at <= room.end)
  const { server, target } = decodeAttempt(buffer, 4)
  assert.equal(Buffer.byteLength(server), telemetryLimits.nameBytesMax)
  assert.equal(Buffer.byteLength(target), telemetryLimits.textBytesMax)
})

test('records of requests are none of attempts', () => {
  for (const recorded of [true, false]) {
    new RecordWriter().begin(begin(), recorded)
    assert.equal(isAttempt(buffer, 4), false)
  }
})
