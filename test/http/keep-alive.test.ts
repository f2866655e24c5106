/** How long connections stay: what cannot be compared with nginx case by case. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { startHttp } from './support.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

test('keepalive_min_timeout: an idle connection may ask once more while the engine ends', async (t) => {
  const port = await freePort()
  const server = `listen 127.0.0.1:${port}; keepalive_min_timeout 60s; return 200 "<ok>";`
  const { engine } = await startHttp(t, `access_log off; server { ${server} }`)
  const used = await connectTcp(t, { port, host: '127.0.0.1' })
  await used.send(get)
  assert.match(await used.readUntil('<ok>'), /Connection: keep-alive/)
  const ended = engine.drain()
  await used.send(get)
  assert.match((await used.readAll()).toString(), /Connection: close[^]*<ok>/)
  await ended
})

test('keepalive_min_timeout: its end closes an idle connection', async (t) => {
  const port = await freePort()
  const server = `listen 127.0.0.1:${port}; keepalive_min_timeout 100ms; return 200 "<ok>";`
  const { engine } = await startHttp(t, `access_log off; server { ${server} }`)
  const idle = await connectTcp(t, { port, host: '127.0.0.1' })
  await idle.send(get)
  await idle.readUntil('<ok>')
  await engine.drain()
  assert.equal((await idle.readAll()).length, 0)
})
