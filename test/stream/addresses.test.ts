/** Unix sockets, IPv6, wildcards and particular addresses. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTcpBackend } from '../support/echo-servers.ts'
import { freePort } from '../support/ports.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import { exchangeUdp } from '../support/udp.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { startStream } from './support.ts'

async function greeting(t: Owner, to: Parameters<typeof connectTcp>[1]): Promise<string> {
  const client = await connectTcp(t, to)
  const text = (await client.readAll({ orReset: true })).toString()
  client.close()
  return text
}

test('listens on a unix socket, proxies to one', async (t) => {
  const { path } = makeTempPrefix(t)
  const backend = await startTcpBackend(t, (socket) => socket.end('unix backend'), {
    path: `${path}/backend.sock`,
  })
  await startStream(
    t,
    `server { listen unix:${path}/front.sock; return "[$remote_addr][$server_addr][$server_port]"; }
     server { listen unix:${path}/proxy.sock; proxy_pass ${backend.address}; }`,
  )
  assert.equal(await greeting(t, { path: `${path}/front.sock` }), '[unix:][unix:][]')
  assert.equal(await greeting(t, { path: `${path}/proxy.sock` }), 'unix backend')
})

test('IPv6, TCP and UDP', async (t) => {
  const port = await freePort()
  await startStream(
    t,
    `server { listen [::1]:${port}; return "$remote_addr"; }
     server { listen [::1]:${port} udp; return "udp $remote_addr"; }`,
  )
  assert.equal(await greeting(t, { host: '::1', port }), '::1')
  assert.equal(await exchangeUdp(t, { host: '::1', port }, 'x'), 'udp ::1')
})

test('a particular address beside the wildcard of its port has servers of its own', async (t) => {
  const port = await freePort()
  await startStream(
    t,
    `server { listen 127.0.0.2:${port}; return particular; }
     server { listen ${port}; return wildcard; }`,
  )
  assert.equal(await greeting(t, { host: '127.0.0.1', port }), 'wildcard')
  assert.equal(await greeting(t, { host: '127.0.0.2', port }), 'particular')
})

test('the default server, and names that conflict', async (t) => {
  const port = await freePort()
  const engine = await startStream(
    t,
    `server { listen ${port}; server_name a; return first; }
     server { listen ${port} default_server; server_name b; return default; }
     server { listen ${port}; server_name a; return never; }`,
  )
  assert.equal(await greeting(t, { host: '127.0.0.1', port }), 'default')
  assert.deepEqual(engine.warnings, [`conflicting server name "a" on 0.0.0.0:${port}, ignored`])
})

test('the mesh name chooses a server; a name nobody has leaves the default one', async (t) => {
  const port = await freePort()
  await startStream(
    t,
    `map $remote_addr $mesh_server_name { 127.0.0.2 two; 127.0.0.3 nobody; 127.0.0.4 a.wild; }
     server { listen ${port}; return default; }
     server { listen ${port}; server_name two; return two; }
     server { listen ${port}; server_name *.wild; return wild; }`,
  )
  const answers = []
  for (const localAddress of ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']) {
    answers.push(await greeting(t, { host: '127.0.0.1', port, localAddress }))
  }
  assert.deepEqual(answers, ['default', 'two', 'default', 'wild'])
})

test('"set" names the server of the mesh as well', async (t) => {
  const port = await freePort()
  await startStream(
    t,
    `server { listen ${port}; set $mesh_server_name two; return default; }
     server { listen ${port}; server_name two; return two; }`,
  )
  assert.equal(await greeting(t, { host: '127.0.0.1', port }), 'two')
})
