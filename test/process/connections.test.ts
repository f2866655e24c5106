/** `worker_connections`: what is more is closed, and the log says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { echo, startTcpBackend } from '../support/echo-servers.ts'
import { freePort } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { startTrijet } from '../support/trijet.ts'
import { ping } from './support.ts'

const host = '127.0.0.1'

test('a worker holds as many connections as it may, to clients and upstreams together', async (t) => {
  const [port, { port: target }] = [await freePort(), await startTcpBackend(t, echo)]
  const conf = (connections: number): string => `
    error_log logs/error.log notice;
    events { worker_connections ${connections}; }
    stream {
      server {
        listen ${host}:${port};
        proxy_pass ${host}:${target};
      }
    }`
  const engine = await startTrijet(t, { conf: conf(4) })
  const first = await connectTcp(t, { host, port })
  await ping(first, 'one')
  const second = await connectTcp(t, { host, port })
  await ping(second, 'two')
  const third = await connectTcp(t, { host, port })
  assert.equal((await third.readAll({ orReset: true })).length, 0)
  await engine.waitForLog(/\[alert\] .*4 worker_connections are not enough/)
  await ping(first, 'still')
  await engine.reload(conf(6))
  await ping(await connectTcp(t, { host, port }), 'three')
})
