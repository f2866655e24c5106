import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserObjection, isOfThisMachine } from './guard.ts'

const names = ['control.test']

function ask(
  peer: string,
  headers: Readonly<Record<string, string>>,
  local = '127.0.0.1',
): boolean {
  const request = new Request('http://x/', { headers })
  return browserObjection(request, { peer, local }, names) === undefined
}

test('this machine has many addresses', () => {
  const local = '127.0.0.1'
  for (const peer of ['127.0.0.1', '127.9.9.9', '::ffff:127.0.0.1', '::1', 'unix:']) {
    assert.ok(isOfThisMachine({ peer, local }), peer)
  }
  assert.ok(isOfThisMachine({ peer: '10.1.2.3', local: '10.1.2.3' }))
  assert.ok(!isOfThisMachine({ peer: '10.1.2.4', local: '10.1.2.3' }))
  assert.ok(!isOfThisMachine({ peer: '::ffff:10.1.2.4', local }))
})

test('a name that leads here without being ours is refused', () => {
  for (const host of [
    'localhost:8081',
    'Control.Test',
    '127.0.0.1:8081',
    '[::1]:8081',
    '10.1.2.3',
  ]) {
    assert.ok(ask('127.0.0.1', { host }), host)
  }
  assert.ok(!ask('127.0.0.1', { host: 'evil.test' }))
  assert.ok(!ask('127.0.0.1', {}))
  assert.ok(ask('unix:', {}), 'no page gets to a unix socket')
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
