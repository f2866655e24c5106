/** UDP: sessions, answers, limits and failures, beside nginx. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startUdpBackend } from '../support/echo-servers.ts'
import { freePort } from '../support/ports.ts'
import { exchangeUdp, openUdp } from '../support/udp.ts'
import { until } from '../support/wait.ts'
import { compareWithNginx } from './differential.ts'
import { startStream } from './support.ts'

const host = '127.0.0.1'

test('return answers each datagram', async (t) => {
  await compareWithNginx(t, {
    stream: (port) => `server { listen ${host}:${port} udp; return "$protocol $remote_addr"; }`,
    run: async ({ port }) => [
      await exchangeUdp(t, { host, port }, 'a'),
      await exchangeUdp(t, { host, port }, 'b'),
    ],
  })
})

test('datagrams of one client go to one upstream, and come back to it', async (t) => {
  const backend = await startUdpBackend(t)
  await compareWithNginx(t, {
    stream: (port) => `server { listen ${host}:${port} udp; proxy_pass ${backend.address}; }`,
    run: async ({ port }) => {
      const [one, two] = [await openUdp(t, { host, port }), await openUdp(t, { host, port })]
      const got: string[] = []
      for (const [client, text] of [
        [one, '1a'],
        [two, '2a'],
        [one, '1b'],
        [two, '2b'],
      ] as const) {
        await client.send(text)
        got.push((await client.receive()).bytes.toString())
      }
      return got
    },
  })
})

test('proxy_responses ends a session, and the log says what it was', async (t) => {
  const backend = await startUdpBackend(t, (bytes) => [bytes, bytes])
  await compareWithNginx(t, {
    stream: (port) => `
      log_format u '$protocol $status $bytes_received $bytes_sent $upstream_bytes_sent $upstream_bytes_received';
      access_log logs/access.log u;
      server { listen ${host}:${port} udp; proxy_pass ${backend.address}; proxy_responses 2; }`,
    run: async ({ port, accessLog }) => {
      const client = await openUdp(t, { host, port })
      for (let i = 1; i <= 2; i++) {
        await client.send('hello')
        await client.receive()
        await client.receive()
        await accessLog(i)
      }
      return accessLog(2)
    },
  })
})

test('proxy_responses 0 ends a session when its datagram is sent', async (t) => {
  const backend = await startUdpBackend(t)
  await compareWithNginx(t, {
    stream: (port) => `
      log_format u '$status $bytes_received $bytes_sent $upstream_bytes_sent';
      access_log logs/access.log u;
      server { listen ${host}:${port} udp; proxy_pass ${backend.address}; proxy_responses 0; }`,
    run: async ({ port, accessLog }) => {
      const client = await openUdp(t, { host, port })
      await client.send('one')
      await client.send('two')
      return accessLog(2)
    },
  })
})

test('proxy_requests binds so many datagrams to a session', async (t) => {
  const backend = await startUdpBackend(t)
  await compareWithNginx(t, {
    stream: (port) => `
      log_format u '$status $bytes_received $bytes_sent';
      access_log logs/access.log u;
      server { listen ${host}:${port} udp; proxy_pass ${backend.address};
        proxy_requests 2; proxy_responses 1; }`,
    run: async ({ port, accessLog }) => {
      const client = await openUdp(t, { host, port })
      for (const text of ['1', '22', '333', '4444']) {
        await client.send(text)
        await client.receive()
      }
      return accessLog(2)
    },
  })
})

test('a session without the answers it expects times out as failed', async (t) => {
  const backend = await startUdpBackend(t, () => [])
  await compareWithNginx(t, {
    stream: (port) => `
      log_format u '$status $bytes_received $bytes_sent';
      access_log logs/access.log u;
      server { listen ${host}:${port} udp; proxy_pass ${backend.address};
        proxy_responses 1; proxy_timeout 100ms; }`,
    run: async ({ port, accessLog, errorLog }) => {
      const client = await openUdp(t, { host, port })
      await client.send('one')
      const lines = await accessLog(1)
      return [lines, /upstream timed out \(110: Connection timed out\).*/.exec(errorLog())?.[0]]
    },
  })
})

test('a port where nobody listens', async (t) => {
  const dead = await freePort()
  await compareWithNginx(t, {
    stream: (port) => `
      log_format u '$status $bytes_received $bytes_sent';
      access_log logs/access.log u;
      server { listen ${host}:${port} udp; proxy_pass ${host}:${dead}; proxy_timeout 100ms; }`,
    run: async ({ port, accessLog, errorLog }) => {
      const client = await openUdp(t, { host, port })
      await client.send('one')
      const lines = await accessLog(1)
      return [lines, /recv\(\) failed.*/.exec(errorLog())?.[0]]
    },
  })
})

test('a session ends by time-out, and the engine is idle then', async (t) => {
  const [port, backend] = [await freePort(), await startUdpBackend(t)]
  const engine = await startStream(
    t,
    `server { listen ${host}:${port} udp; proxy_pass ${backend.address}; proxy_timeout 50ms; }`,
  )
  assert.equal(await exchangeUdp(t, { host, port }, 'x'), 'x')
  await until(() => engine.engine.active === 0, { what: 'the end of the session' })
  assert.match(engine.errorLog, /udp timed out, packets from\/to client:1\/1, bytes/)
})
