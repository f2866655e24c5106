import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectionTo } from './guard.ts'

const names = ['control.test']

function ask(
  peer: string,
  headers: Readonly<Record<string, string>>,
  local = '127.0.0.1',
): boolean {
  const request = new Request('http://x/', { headers })
  return objectionTo(request, { peer, local }, names) === undefined
}

test('programs of this machine may come in, by whatever address', () => {
  const host = { host: '127.0.0.1:8081' }
  assert.ok(ask('127.0.0.1', host))
  assert.ok(ask('127.9.9.9', host))
  assert.ok(ask('::1', { host: '[::1]:8081' }, '::1'))
  assert.ok(ask('::ffff:127.0.0.1', host))
  assert.ok(ask('unix:', {}))
  assert.ok(ask('10.1.2.3', { host: '10.1.2.3' }, '10.1.2.3'))
  assert.ok(!ask('10.1.2.4', { host: '10.1.2.3' }, '10.1.2.3'))
})

test('a name that leads here without being ours is refused', () => {
  assert.ok(ask('127.0.0.1', { host: 'localhost:8081' }))
  assert.ok(ask('127.0.0.1', { host: 'Control.Test' }))
  assert.ok(!ask('127.0.0.1', { host: 'evil.test' }))
  assert.ok(!ask('127.0.0.1', {}))
})

test('pages of other sites are refused, the page of this server is not', () => {
  const host = '127.0.0.1:8081'
  assert.ok(
    ask('127.0.0.1', { host, origin: 'http://127.0.0.1:8081', 'sec-fetch-site': 'same-origin' }),
  )
  assert.ok(!ask('127.0.0.1', { host, origin: 'http://127.0.0.1:9999' }))
  assert.ok(!ask('127.0.0.1', { host, origin: 'null' }))
  assert.ok(!ask('127.0.0.1', { host, 'sec-fetch-site': 'cross-site' }))
  assert.ok(!ask('127.0.0.1', { host, 'sec-fetch-site': 'same-site' }))
})
