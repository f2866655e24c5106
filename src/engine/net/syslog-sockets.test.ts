import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK } from './ffi/constants.ts'
import { ffiAvailable, requireSystem } from './ffi/libc.ts'
import { bindSocket } from './ffi/socket-calls.ts'
import { SyslogSockets } from './syslog-sockets.ts'

test('over UDP, to IPv4 and IPv6', async (t) => {
  const sockets = new SyslogSockets()
  t.after(() => sockets.close())
  for (const [kind, host] of [
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const) {
    const server = createSocket(kind).bind(0, host)
    t.after(() => server.close())
    await once(server, 'listening')
    const arrived = once(server, 'message')
    sockets.send({ kind: 'udp', host, port: server.address().port }, Buffer.from('a line'))
    assert.equal(String((await arrived)[0]), 'a line')
  }
})

/** A unix socket for datagrams, read when something must have come. */
function listen(path: string): { receive(): string; close(): void } {
  const { libc, createArena } = requireSystem()
  const descriptor = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)
  assert.equal(bindSocket(descriptor, { family: 'unix', path }), 0)
  const region = createArena(4096).take(1024)
  return {
    receive: () => {
      const bytes = libc.recv(descriptor, region.address, 1024, 0)
      return region.bytes.toString('utf8', 0, Math.max(bytes, 0))
    },
    close: () => libc.close(descriptor),
  }
}

test('over a unix socket, and over its successor', { skip: !ffiAvailable() }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'trijet-syslog-'))
  const path = join(folder, 'log')
  const sockets = new SyslogSockets()
  t.after(() => {
    sockets.close()
    rmSync(folder, { recursive: true })
  })
  const send = (text: string): void => sockets.send({ kind: 'unix', path }, Buffer.from(text))
  send('nobody is there')
  const first = listen(path)
  send('one')
  assert.equal(first.receive(), 'one')
  first.close()
  unlinkSync(path)
  send('lost')
  const second = listen(path)
  send('two')
  assert.equal(second.receive(), 'two')
  second.close()
})
