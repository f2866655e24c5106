import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configurationFromText } from '../conf/includes.ts'
import { ServerIndex } from './server-index.ts'

const count = 300

const conf = `
  stream { server { listen 127.0.0.1:7000; return x; } }
  http { ${Array.from({ length: count }, (_, i) => `server { listen 127.0.0.1:80; server_name s${i}; }`).join('\n')} }`

const address = { protocol: 'tcp', host: '127.0.0.1', port: 80 } as const

function index(): ServerIndex {
  return ServerIndex.of(configurationFromText(conf, 'index.conf').main, 'http')
}

function assertWhole(found: ServerIndex): void {
  assert.equal(found.fixedCount, count)
  for (const i of [0, 99, 100, count - 1]) {
    assert.deepEqual(found.find(address, `s${i}`)?.names, [`s${i}`])
  }
  assert.equal(found.listener(address)?.fixed, count)
  assert.equal(found.portTaken({ ...address, port: 7000 }), true)
  assert.equal(found.portTaken({ ...address, port: 7001 }), false)
}

test('servers are read ahead in pieces', () => {
  const ahead = index()
  const done = Array.from({ length: 5 }, () => ahead.readAhead(100))
  // 301 servers, that of the other subsystem first.
  assert.deepEqual(done, [false, false, false, true, true])
  assertWhole(ahead)
})

test('whoever asks before all is read waits for the rest', () => {
  const asked = index()
  assert.equal(asked.readAhead(100), false)
  assertWhole(asked)
  assert.equal(asked.readAhead(1), true)
})

test('what was asked for at once needs no reading', () => {
  const asked = index()
  assertWhole(asked)
  assert.equal(asked.readAhead(1), true)
})
