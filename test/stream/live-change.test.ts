/** What a change of the configuration does to sessions under way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyBlock } from '../../src/engine/conf/block.ts'
import { directive } from '../../src/engine/conf/tree.ts'
import { startTcpBackend, startUdpBackend } from '../support/echo-servers.ts'
import { freePort, freePorts } from '../support/ports.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp, type TcpClient } from '../support/tcp.ts'
import { openUdp } from '../support/udp.ts'
import { until } from '../support/wait.ts'
import { startStream } from './support.ts'

const host = '127.0.0.1'

async function talk(client: TcpClient, text: string): Promise<void> {
  await client.send(text)
  assert.equal((await client.read(text.length)).toString(), text)
}

async function greeting(t: Owner, port: number): Promise<string> {
  const client = await connectTcp(t, { port, host })
  const text = (await client.readAll({ orReset: true })).toString()
  client.close()
  return text
}

test('sessions of a server that changes, or whose surroundings change, go on', async (t) => {
  const [port, backend] = [await freePort(), await startTcpBackend(t)]
  const server = (more: string): string =>
    `server { listen ${host}:${port}; proxy_pass ${backend.address}; ${more} }`
  const engine = await startStream(t, server(''))
  const client = await connectTcp(t, { port, host })
  await talk(client, 'one')
  await engine.load(server('proxy_timeout 5m;'))
  await talk(client, 'two')
  await engine.load(`proxy_connect_timeout 1s; ${server('proxy_timeout 5m;')}`)
  await talk(client, 'three')
  assert.equal(backend.accepted, 1)
})

test('sessions of a server that is deleted end, those of its neighbours do not', async (t) => {
  const [[first, second], backend] = [await freePorts(2), await startTcpBackend(t)]
  const keep = `server { listen ${host}:${first!}; proxy_pass ${backend.address}; }`
  const gone = `server { listen ${host}:${second!}; proxy_pass ${backend.address}; }`
  const engine = await startStream(t, keep + gone)
  const [kept, ended] = [
    await connectTcp(t, { port: first!, host }),
    await connectTcp(t, { port: second!, host }),
  ]
  await talk(kept, 'one')
  await talk(ended, 'two')
  await engine.load(keep)
  await ended.readAll({ orReset: true })
  await talk(kept, 'three')
  assert.equal(engine.engine.active, 1)
  await assert.rejects(connectTcp(t, { port: second!, host }), /ECONNREFUSED/)
})

test('sessions end with the block they belong to, and a new block starts afresh', async (t) => {
  const [port, backend] = [await freePort(), await startTcpBackend(t)]
  const conf = `server { listen ${host}:${port}; proxy_pass ${backend.address}; }`
  const engine = await startStream(t, conf)
  const client = await connectTcp(t, { port, host })
  await talk(client, 'one')
  await engine.apply(directive('main', [], emptyBlock))
  await client.readAll({ orReset: true })
  assert.equal(engine.engine.active, 0)
  await assert.rejects(connectTcp(t, { port, host }), /ECONNREFUSED/)
  const empty = engine.part
  await engine.apply(directive('main', [], emptyBlock))
  assert.equal(engine.part, empty)
  await engine.load(conf)
  await talk(await connectTcp(t, { port, host }), 'two')
})

test('a server that was changed and then deleted takes its older sessions with it', async (t) => {
  const [port, backend] = [await freePort(), await startTcpBackend(t)]
  const other = `server { listen ${host}:${await freePort()}; return x; }`
  const server = (more: string): string =>
    `server { listen ${host}:${port}; proxy_pass ${backend.address}; ${more} }`
  const engine = await startStream(t, other + server(''))
  const client = await connectTcp(t, { port, host })
  await talk(client, 'one')
  await engine.load(other + server('proxy_timeout 5m;'))
  await talk(client, 'two')
  await engine.load(other)
  await client.readAll({ orReset: true })
  await until(() => engine.engine.active === 0, { what: 'the end of all sessions' })
})

test('a changed map, group and default server serve new sessions at once', async (t) => {
  const port = await freePort()
  const [a, b] = [
    await startTcpBackend(t, (socket) => socket.end('a')),
    await startTcpBackend(t, (socket) => socket.end('b')),
  ]
  const engine = await startStream(
    t,
    `map x $v { default 1; } server { listen ${host}:${port}; return "$v"; }`,
  )
  assert.equal(await greeting(t, port), '1')
  await engine.load(`map x $v { default 2; } server { listen ${host}:${port}; return "$v"; }`)
  assert.equal(await greeting(t, port), '2')
  const proxied = (address: string): string =>
    `upstream u { server ${address}; } server { listen ${host}:${port}; proxy_pass u; }`
  await engine.load(proxied(a.address))
  assert.equal(await greeting(t, port), 'a')
  await engine.load(proxied(b.address))
  assert.equal(await greeting(t, port), 'b')
})

test('a refused change leaves everything as it was', async (t) => {
  const port = await freePort()
  const taken = await startTcpBackend(t)
  const server = `server { listen ${host}:${port}; return one; }`
  const engine = await startStream(t, server)
  await assert.rejects(engine.load(`${server} server { listen ${taken.address}; return two; }`))
  await assert.rejects(engine.load(`server { listen ${host}:${port}; return $nothing; }`))
  assert.equal(await greeting(t, port), 'one')
})

test('UDP sessions of a deleted server end', async (t) => {
  const [port, backend] = [await freePort(), await startUdpBackend(t)]
  const other = `server { listen ${host}:${await freePort()}; return x; }`
  const engine = await startStream(
    t,
    `${other} server { listen ${host}:${port} udp; proxy_pass ${backend.address}; }`,
  )
  const client = await openUdp(t, { host, port })
  await client.send('x')
  await client.receive()
  assert.equal(engine.engine.active, 1)
  await engine.load(other)
  assert.equal(engine.engine.active, 0)
})
