/** `return`: a text is sent and the connection closed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort } from '../support/ports.ts'
import { connectTcp, exchangeTcp } from '../support/tcp.ts'
import { startStream } from './support.ts'

test('sends a text and ends', async (t) => {
  const port = await freePort()
  await startStream(
    t,
    `server { listen 127.0.0.1:${port}; return "hello $remote_addr:$server_port\\n"; }`,
  )
  assert.equal(await exchangeTcp(t, { port }), `hello 127.0.0.1:${port}\n`)
})

test('a client that has not finished sending gets the whole text, not a reset', async (t) => {
  const port = await freePort()
  await startStream(t, `server { listen 127.0.0.1:${port}; return ok; }`)
  const client = await connectTcp(t, { port })
  await client.send('GET / HTTP/1.1\r\n\r\n')
  assert.equal((await client.readAll()).toString(), 'ok')
  assert.equal(client.ending, 'end')
})
