/** TCP proxying beside nginx: next upstream, half close, time-outs, rates, PROXY protocol, limits, access. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sayName, startTcpBackend } from '../support/echo-servers.ts'
import { freePort } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import { compareWithNginx } from './differential.ts'
import { startStream } from './support.ts'

const host = '127.0.0.1'

/** What is told about errors, without time, pid and connection number. */
function errorsOf(log: string): readonly string[] {
  return log
    .split('\n')
    .filter((line) => / \[(?:error|warn|crit)\] /.test(line))
    .map((line) => line.replace(/^.*?\] [\d#]+: \*\d+ /, ''))
}

async function answerOf(
  t: Parameters<typeof connectTcp>[0],
  port: number,
  bytes = '',
): Promise<string> {
  const client = await connectTcp(t, { port, host })
  if (bytes !== '') await client.send(bytes)
  const answer = await client.readAll({ orReset: true })
  client.close()
  return answer.toString('latin1')
}

test('the next server is tried, and every failure is told', async (t) => {
  const [dead, other, alive] = [
    await freePort(),
    await freePort(),
    await startTcpBackend(t, sayName('alive')),
  ]
  await compareWithNginx(t, {
    stream: (port) => `
      upstream u { server ${host}:${dead}; server ${host}:${other}; server ${alive.address}; }
      server { listen ${host}:${port}; proxy_pass u; }`,
    run: async ({ port, errorLog }) => [await answerOf(t, port), errorsOf(errorLog())],
  })
})

test('tries, and whether there are any, are limited', async (t) => {
  const [dead, other] = [await freePort(), await freePort()]
  const backend = await startTcpBackend(t, sayName('alive'))
  for (const limit of ['proxy_next_upstream off;', 'proxy_next_upstream_tries 2;', '']) {
    await compareWithNginx(t, {
      stream: (port) => `
        log_format a '$status $upstream_addr'; access_log logs/access.log a;
        upstream u { server ${host}:${dead}; server ${host}:${other}; server ${backend.address}; }
        server { listen ${host}:${port}; proxy_pass u; ${limit} }`,
      run: async ({ port, accessLog, errorLog }) => {
        const answer = await answerOf(t, port)
        return [answer, await accessLog(1), errorsOf(errorLog())]
      },
    })
  }
})

test('no live upstreams', async (t) => {
  const dead = [await freePort(), await freePort()]
  await compareWithNginx(t, {
    stream: (port) => `
      log_format a '$status $upstream_addr'; access_log logs/access.log a;
      upstream u { server ${host}:${dead[0]}; server ${host}:${dead[1]}; }
      server { listen ${host}:${port}; proxy_pass u; }`,
    run: async ({ port, accessLog, errorLog }) => {
      await answerOf(t, port)
      await answerOf(t, port)
      return [await accessLog(2), errorsOf(errorLog())]
    },
  })
})

test('half close: each direction ends on its own', async (t) => {
  const backend = await startTcpBackend(t, (socket) => {
    let bytes = 0
    socket.on('data', (chunk) => (bytes += chunk.length))
    socket.on('end', () => socket.end(`got ${bytes}`))
  })
  for (const halfClose of ['on', 'off']) {
    await compareWithNginx(t, {
      stream: (port) =>
        `server { listen ${host}:${port}; proxy_pass ${backend.address}; proxy_half_close ${halfClose}; }`,
      run: async ({ port }) => {
        const client = await connectTcp(t, { port, host })
        await client.send('12345')
        await until(() => backend.open > 0, { what: 'the connection at the backend' })
        await client.end()
        const answer = (await client.readAll({ orReset: true })).toString()
        client.close()
        await until(() => backend.open === 0, { what: 'the end at the backend' })
        return answer
      },
    })
  }
})

test('idle sessions end after proxy_timeout', async (t) => {
  const backend = await startTcpBackend(t)
  await compareWithNginx(t, {
    stream: (port) => `
      log_format a '$status $bytes_sent $bytes_received'; access_log logs/access.log a;
      server { listen ${host}:${port}; proxy_pass ${backend.address}; proxy_timeout 150ms; }`,
    run: async ({ port, accessLog }) => {
      const answer = await answerOf(t, port, 'abc')
      return [answer, await accessLog(1)]
    },
  })
})

test('the PROXY protocol header comes before the bytes', async (t) => {
  const backend = await startTcpBackend(t)
  await compareWithNginx(t, {
    stream: (port) =>
      `server { listen ${host}:${port}; proxy_pass ${backend.address}; proxy_protocol on; }`,
    run: async ({ port }) => {
      const client = await connectTcp(t, { port, host })
      await client.send('body')
      const header = await client.readUntil('\r\n')
      const own = String((client.socket.address() as { port: number }).port)
      const body = (await client.read(4)).toString()
      client.close()
      return [header.replace(own, 'OWN'), body]
    },
  })
})

test('a PROXY protocol header is read, believed where trusted, and checked', async (t) => {
  const headers = [
    'PROXY TCP4 192.0.2.1 198.51.100.2 1111 2222\r\n',
    'PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n',
    'PROXY UNKNOWN\r\n',
    'GET / HTTP/1.0\r\n\r\n',
  ]
  await compareWithNginx(t, {
    stream: (port) => `
      log_format a '$status'; access_log logs/access.log a;
      server { listen ${host}:${port} proxy_protocol; set_real_ip_from 127.0.0.0/8;
        return "$remote_addr $remote_port $realip_remote_addr $proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port"; }`,
    run: async ({ port }) => {
      const answers: string[] = []
      for (const header of headers) {
        const client = await connectTcp(t, { port, host })
        await client.send(header)
        const own = String((client.socket.address() as { port: number }).port)
        const text = (await client.readAll({ orReset: true })).toString()
        answers.push(text.replace(own, 'OWN'))
        client.close()
      }
      return answers
    },
  })
})

test('access rules in order, inherited as a whole', async (t) => {
  const from = ['127.0.0.1', '127.0.0.2', '127.9.0.1']
  for (const rules of [
    'allow 127.0.0.2; deny 127.0.0.0/24;',
    'deny all;',
    'allow 127.0.0.1/32; deny all;',
  ]) {
    await compareWithNginx(t, {
      stream: (port) => `
        log_format a '$status $remote_addr'; access_log logs/access.log a;
        deny 127.9.0.0/16;
        server { listen ${host}:${port}; return in; ${rules} }`,
      run: async ({ port, accessLog, errorLog }) => {
        const answers: string[] = []
        for (const localAddress of from) {
          const client = await connectTcp(t, { port, host, localAddress })
          answers.push((await client.readAll({ orReset: true })).toString())
          client.close()
        }
        return [answers, await accessLog(3), errorsOf(errorLog())]
      },
    })
  }
})

test('limit_conn counts a key, refuses, and forgets', async (t) => {
  const backend = await startTcpBackend(t)
  for (const dryRun of ['off', 'on']) {
    await compareWithNginx(t, {
      stream: (port) => `
        log_format a '$status $limit_conn_status'; access_log logs/access.log a;
        limit_conn_zone $remote_addr zone=one:1m;
        server { listen ${host}:${port}; proxy_pass ${backend.address};
          limit_conn one 2; limit_conn_dry_run ${dryRun}; limit_conn_log_level warn; }`,
      run: async ({ port, accessLog, errorLog }) => {
        const clients = []
        for (let i = 0; i < 3; i++) {
          const client = await connectTcp(t, { port, host })
          await client.send('x').catch(() => undefined)
          clients.push(client)
          if (i < 2 || dryRun === 'on') await client.read(1)
          else await client.readAll({ orReset: true })
        }
        for (const [i, client] of clients.entries()) {
          client.close()
          await accessLog(Math.min(i + 1 + (dryRun === 'off' ? 1 : 0), 3))
        }
        const again = await connectTcp(t, { port, host })
        await again.send('y')
        const answer = (await again.read(1)).toString()
        again.close()
        return [answer, await accessLog(4), errorsOf(errorLog())]
      },
    })
  }
})

test('ssl_preread without TLS, and its buffer and time-out', async (t) => {
  await compareWithNginx(t, {
    stream: (port) => `
      log_format a '$status'; access_log logs/access.log a;
      server { listen ${host}:${port}; ssl_preread on; preread_timeout 200ms; preread_buffer_size 64;
        return "[$ssl_preread_server_name][$ssl_preread_protocol]"; }`,
    run: async ({ port, accessLog, errorLog }) => {
      const answers = [await answerOf(t, port, 'plain text'), await answerOf(t, port, '')]
      const record = Buffer.concat([Buffer.from('160301020001', 'hex'), Buffer.alloc(200)])
      answers.push(await answerOf(t, port, record.toString('latin1')))
      return [answers, await accessLog(3), errorsOf(errorLog())]
    },
  })
})

test('a slow reader holds its writer back', async (t) => {
  const total = 64 * 1024 * 1024
  const backend = await startTcpBackend(t, (socket) => {
    let left = total
    const chunk = Buffer.alloc(64 * 1024, 7)
    const push = (): void => {
      while (left > 0) {
        left -= chunk.length
        if (!socket.write(chunk)) {
          socket.once('drain', push)
          return
        }
      }
      socket.end()
    }
    push()
  })
  const port = await freePort()
  await startStream(t, `server { listen ${host}:${port}; proxy_pass ${backend.address}; }`)
  const client = await connectTcp(t, { port, host })
  client.socket.pause()
  let received = client.pending.length
  const before = process.memoryUsage().arrayBuffers
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024)
  // Counted, not kept: the client's own queue of received bytes is not made for this much.
  client.socket.removeAllListeners('data')
  client.socket.on('data', (chunk) => (received += chunk.length))
  client.socket.resume()
  await until(() => client.ending !== undefined, { what: 'the end of the transfer' })
  assert.equal(received, total)
})

test('download and upload rates', async (t) => {
  const backend = await startTcpBackend(t)
  const port = await freePort()
  await startStream(
    t,
    `server { listen ${host}:${port}; proxy_pass ${backend.address}; proxy_download_rate 200k; }`,
  )
  const client = await connectTcp(t, { port, host })
  const started = performance.now()
  client.socket.write(Buffer.alloc(400 * 1024))
  await client.read(400 * 1024)
  // A second's worth is free; the rest takes a second.
  assert.ok(performance.now() - started > 700)
})
