/** `proxy_pass` over TCP. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTcpBackend } from '../support/echo-servers.ts'
import { freePort } from '../support/ports.ts'
import { connectTcp, exchangeTcp } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import { startStream } from './support.ts'

test('passes bytes both ways', async (t) => {
  const [port, backend] = [await freePort(), await startTcpBackend(t)]
  await startStream(t, `server { listen 127.0.0.1:${port}; proxy_pass ${backend.address}; }`)
  const client = await connectTcp(t, { port })
  await client.send('one')
  assert.equal((await client.read(3)).toString(), 'one')
  await client.send('two')
  assert.equal((await client.read(3)).toString(), 'two')
  client.close()
  await until(() => backend.open === 0, { what: 'the end at the backend' })
})

test('passes to a group, and large amounts intact', async (t) => {
  const [port, backend] = [await freePort(), await startTcpBackend(t)]
  await startStream(
    t,
    `upstream b { server ${backend.address}; }
     server { listen 127.0.0.1:${port}; proxy_pass b; }`,
  )
  const client = await connectTcp(t, { port })
  const sent = Buffer.alloc(4 * 1024 * 1024, 'abcdefghijk')
  client.socket.write(sent)
  assert.ok((await client.read(sent.length)).equals(sent))
})

test('a variable names the group', async (t) => {
  const [port, backend] = [await freePort(), await startTcpBackend(t, (socket) => socket.end('b1'))]
  await startStream(
    t,
    `map $remote_addr $backend { 127.0.0.1 one; }
     upstream one { server ${backend.address}; }
     server { listen 127.0.0.1:${port}; proxy_pass $backend; }`,
  )
  const client = await connectTcp(t, { port })
  assert.equal((await client.readAll()).toString(), 'b1')
})

test('what cannot be reached is logged as nginx logs it', async (t) => {
  const [port, dead] = [await freePort(), await freePort()]
  const engine = await startStream(
    t,
    `server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${dead}; }`,
  )
  assert.equal(await exchangeTcp(t, { port }), '')
  const line =
    `connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, ` +
    `server: 127.0.0.1:${port}, upstream: "127.0.0.1:${dead}", ` +
    `bytes from/to client:0/0, bytes from/to upstream:0/0`
  assert.ok(engine.errorLog.includes(line), engine.errorLog)
})
