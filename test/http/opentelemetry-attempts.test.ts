/** Spans of the tries to pass a request on: one for each server that is asked. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { suite, test, type TestContext } from 'node:test'
import type { AttemptRecord } from '../../src/engine/http/telemetry/attempt-record.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/wait.ts'
import { serve, trace, traceparent } from './tracing-support.ts'

/** A server that does that with every connection; gives its address. */
async function listen(t: TestContext, onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server that answers every request with those bytes. */
const answering = (t: TestContext, bytes: string): Promise<string> =>
  listen(t, (socket) => socket.on('data', () => socket.end(bytes)))

const conf = (locations: string, http = ''): string => `opentelemetry_config otel.toml;
  opentelemetry_propagate; ${http} server { $listen; server_name edge; ${locations} }`

/** What tells the tries of one request apart. */
const outline = ({ status, resends, fault, peer }: AttemptRecord): unknown[] => [
  status,
  resends,
  fault,
  peer,
]

suite('attempts', () => {
  test('a failed connect and its retry are two, each its upstream’s parent', async (t) => {
    const nobody = `127.0.0.1:${await freePort()}`
    const broken = await answering(t, 'HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n')
    const seen: string[] = []
    const backend = createHttpServer(({ headers }, response) => {
      seen.push(headers['traceparent'] as string)
      response.end('ok')
    })
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      backend.closeAllConnections()
      backend.close()
    })
    const good = `127.0.0.1:${(backend.address() as AddressInfo).port}`
    const { ask, records, attempts } = await serve(
      t,
      conf(
        'location /a { proxy_pass http://app/b; }',
        `proxy_next_upstream error http_503;
         upstream app { server ${nobody}; server ${broken}; server ${good}; }`,
      ),
    )
    assert.equal((await ask('/a/x?y=1', `traceparent: ${traceparent}`)).status, 200)
    const made = attempts()
    assert.deepEqual(made.map(outline), [
      [0, 0, 'ECONNREFUSED', nobody],
      [503, 1, '', broken],
      [200, 2, '', good],
    ])
    const [{ span, startMs, durationMs }] = records() as [ReturnType<typeof records>[0]]
    for (const each of made) {
      assert.deepEqual([each.traceId, each.parentId], [trace, span!.spanId])
      assert.equal(each.target, '/b/x?y=1')
      assert.deepEqual([each.method, each.scheme, each.version], ['GET', 'http://', '1.0'])
      assert.ok(each.startMs >= startMs, 'begins within its request')
      assert.ok(each.startMs + each.durationMs <= startMs + durationMs + 0.001, 'and ends within')
    }
    assert.equal(new Set(made.map(({ spanId }) => spanId)).size, 3)
    assert.deepEqual(seen, [`00-${trace}-${made[2]!.spanId}-01`])
  })

  test('faults have names', async (t) => {
    const silent = await listen(t, () => {})
    const garbage = await answering(t, 'what?\r\n\r\n')
    const early = await listen(t, (socket) => socket.once('data', () => socket.end()))
    const half = await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
    const { ask, attempts } = await serve(
      t,
      conf(`proxy_read_timeout 100ms;
        location /silent { proxy_pass http://${silent}; }
        location /garbage { proxy_pass http://${garbage}; }
        location /early { proxy_pass http://${early}; }
        location /half { proxy_pass http://${half}; }`),
    )
    for (const path of ['/silent', '/garbage', '/early', '/half']) {
      await ask(path).catch(() => undefined)
    }
    assert.deepEqual(
      attempts().map(({ target, status, fault }) => [target, status, fault]),
      [
        ['/silent', 0, 'timeout'],
        ['/garbage', 0, 'invalid_header'],
        ['/early', 0, 'error'],
        ['/half', 200, 'error'],
      ],
    )
  })

  test('what no client waits for any more is cancelled', async (t) => {
    const asked = Promise.withResolvers<void>()
    const silent = await listen(t, (socket) => socket.once('data', () => asked.resolve()))
    const { port, attempts } = await serve(t, conf(`location / { proxy_pass http://${silent}; }`))
    const client = connect(port, '127.0.0.1')
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await asked.promise
    client.destroy()
    const made: AttemptRecord[] = []
    await until(() => made.push(...attempts()) > 0, { what: 'the record' })
    assert.deepEqual(made.map(outline), [[0, 0, 'cancelled', silent]])
  })

  test('a connection that was closed while it waited counts as a try', async (t) => {
    let connections = 0
    const closing = await listen(t, (socket) => {
      const closes = connections++ === 0
      let requests = 0
      socket.on('data', () => {
        requests += 1
        if (closes && requests === 2) socket.destroy()
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      })
    })
    const { ask, attempts } = await serve(
      t,
      conf(
        'location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://app; }',
        `upstream app { server ${closing}; keepalive 4; }`,
      ),
    )
    await ask('/')
    assert.equal((await ask('/')).status, 200)
    const made = attempts()
    assert.deepEqual(
      made.map(({ status, resends, version }) => [status, resends, version]),
      [
        [200, 0, '1.1'],
        [0, 0, '1.1'],
        [200, 1, '1.1'],
      ],
    )
    assert.notEqual(made[1]!.fault, '')
    assert.equal(made[1]!.parentId, made[2]!.parentId)
  })

  test('another location after an internal redirect begins to count anew', async (t) => {
    const { ask, records, attempts } = await serve(
      t,
      conf(`location / { proxy_pass $backend; proxy_intercept_errors on; error_page 404 = @other; }
        location @other { proxy_method PURGE; proxy_pass $backend; }`),
    )
    await ask('/status/404')
    const made = attempts()
    assert.deepEqual(
      made.map(({ status, resends, method, original }) => [status, resends, method, original]),
      [
        [404, 0, 'GET', ''],
        [404, 0, '_OTHER', 'PURGE'],
      ],
    )
    assert.equal(made[0]!.parentId, made[1]!.parentId)
    assert.equal(records()[0]!.span!.spanId, made[0]!.parentId)
  })

  test('none where nobody is alive to be asked, nothing is sampled, or nothing is traced', async (t) => {
    const served = await serve(
      t,
      conf(
        `location /off { opentelemetry off; proxy_pass $backend; }
         location /dead { proxy_pass http://dead; }`,
        'upstream dead { server 127.0.0.1:1 down; }',
      ),
    )
    assert.equal((await served.ask('/off', `traceparent: ${traceparent}`)).status, 200)
    assert.equal(served.seen[0]!['traceparent'], traceparent)
    assert.equal((await served.ask('/dead')).status, 502)
    assert.deepEqual(served.attempts(), [])
    const unsampled = await serve(
      t,
      conf('location / { proxy_pass $backend; }'),
      '[sampler]\nname = "AlwaysOff"',
    )
    await unsampled.ask('/', `traceparent: ${traceparent}`)
    assert.match(unsampled.seen[0]!['traceparent'] as string, new RegExp(`^00-${trace}-.*-00$`))
    assert.deepEqual(unsampled.attempts(), [])
  })

  for (const [way, nameOf] of [
    ['b3', (fields: Fields): string => fields['b3']!.split('-')[1]!],
    ['b3multi', (fields: Fields): string => fields['x-b3-spanid']!],
  ] as const) {
    test(`a retry tells its own span by ${way}`, async (t) => {
      const failing = createHttpServer((request, response) => {
        asked.push(nameOf(request.headers as Fields))
        response.writeHead(502).end()
      })
      const asked: string[] = []
      await new Promise<void>((resolve) => failing.listen(0, '127.0.0.1', resolve))
      t.after(() => {
        failing.closeAllConnections()
        failing.close()
      })
      const { port } = failing.address() as AddressInfo
      const { ask, seen, attempts } = await serve(
        t,
        conf(
          'location / { proxy_pass http://app; }',
          `opentelemetry_propagate ${way}; proxy_next_upstream http_502;
           upstream app { server 127.0.0.1:${port}; server $host_of_backend backup; }`,
        ).replace('opentelemetry_propagate; ', ''),
      )
      assert.equal((await ask('/')).status, 200)
      assert.deepEqual(
        [...asked, ...seen.map((fields) => nameOf(fields as Fields))],
        attempts().map(({ spanId }) => spanId),
      )
      assert.equal(new Set(asked).size, 1)
    })
  }
})

type Fields = Readonly<Record<string, string>>
