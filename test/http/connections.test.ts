/** The life of a connection: keep-alive, pipelining, time-outs, limits, closing, and bodies nobody reads. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { emptyBlock } from '../../src/engine/conf/block.ts'
import { directive } from '../../src/engine/conf/tree.ts'
import { certificateFor } from '../support/certificates.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { runOk } from '../support/process.ts'
import { connectTcp, type TcpClient } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import { askBoth, request, startBoth, statusOf, talk } from './both.ts'
import { type HttpRunner, startHttp } from './support.ts'

interface Started {
  readonly engine: HttpRunner
  readonly port: number
  connect(): Promise<TcpClient>
}

async function start(
  t: TestContext,
  server: string,
  files: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const port = await freePort()
  const conf = `access_log logs/access.log; server { listen 127.0.0.1:${port}; ${server} }`
  const engine = await startHttp(t, conf, files)
  return { engine, port, connect: () => connectTcp(t, { port, host: '127.0.0.1' }) }
}

const host = '127.0.0.1'
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

test('many requests on one connection, each answered in order', async (t) => {
  const { connect } = await start(t, 'return 200 "<$connection_requests $uri>";')
  const client = await connect()
  for (let i = 1; i <= 20; i++) {
    await client.send(`GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`)
    const answer = await client.readUntil('>')
    assert.match(answer, new RegExp(`<${i} /${i}>$`))
    assert.match(answer, /Connection: keep-alive/)
  }
})

test('pipelined requests are answered in order, however they are cut', async (t) => {
  const { connect } = await start(t, 'return 200 "<$request_uri>";')
  const paths = Array.from({ length: 200 }, (_, i) => `/${i}`)
  const bytes = paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join('')
  for (const step of [bytes.length, 1000, 7]) {
    const client = await connect()
    for (let at = 0; at < bytes.length; at += step) await client.send(bytes.slice(at, at + step))
    for (const path of paths) {
      const answer = await client.readUntil('>')
      assert.equal(/<(.*)>$/.exec(answer)?.[1], path)
    }
    client.close()
  }
})

test('pipelined requests to a handler that takes its time keep their order', async (t) => {
  const handler = `export default async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url)
    await new Promise((resolve) => setTimeout(resolve, pathname === '/slow' ? 50 : 0))
    return new Response('<' + pathname + '>')
  }`
  const { connect } = await start(t, 'location / { handler h.ts; }', { 'h.ts': handler })
  const client = await connect()
  const paths = ['/slow', '/a', '/slow', '/b', '/c']
  await client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''))
  for (const path of paths) assert.match(await client.readUntil('>'), new RegExp(`<${path}>$`))
})

test('connections to what is listened on no more end with the request under way', async (t) => {
  const [goes, stays] = (await freePorts(2)) as [number, number]
  const body = 'location / { handler h.ts; }'
  const kept = `server { listen ${host}:${stays}; ${body} }`
  const gone = `server { listen ${host}:${goes}; ${body} }`
  const handler = 'export default async (r: Request) => new Response(`<${await r.text()}>`)'
  const engine = await startHttp(t, `access_log off; ${kept} ${gone}`, { 'h.ts': handler })
  const connect = async (port: number): Promise<TcpClient> => {
    const client = await connectTcp(t, { port, host })
    await client.send(get)
    await client.readUntil('<>')
    return client
  }
  const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n'
  for (const [port, change] of [
    [goes, () => engine.load(`access_log off; ${kept}`)],
    [stays, () => engine.apply(directive('main', [], emptyBlock))],
  ] as const) {
    const [idle, busy, bystander] = [await connect(port), await connect(port), await connect(stays)]
    await busy.send(post)
    await busy.readUntil('Continue\r\n\r\n')
    await change()
    assert.equal((await idle.readAll()).length, 0)
    await busy.send(`late${get}`)
    const answer = (await busy.readAll({ orReset: true })).toString()
    assert.match(answer, /^HTTP\/1.1 200 OK\r\n[^]*Connection: close[^]*<late>$/)
    await assert.rejects(connectTcp(t, { port, host }), /ECONNREFUSED/)
    if (port === stays) break
    await bystander.send(get)
    await bystander.readUntil('<>')
  }
  assert.equal(engine.engine.active, 0)
  await engine.load(`access_log off; ${kept}`)
  await connect(stays)
})

test('a body that nobody reads is passed over, and the connection lives on', async (t) => {
  const { connect } = await start(t, 'return 200 "<ok>";')
  const client = await connect()
  for (const body of [
    `Content-Length: 5\r\n\r\nhello`,
    `Content-Length: 70000\r\n\r\n${'x'.repeat(70_000)}`,
    `Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  ]) {
    await client.send(`POST / HTTP/1.1\r\nHost: a\r\n${body}`)
    assert.match(await client.readUntil('<ok>'), /Connection: keep-alive/)
  }
})

test('a body that is broken ends the connection behind the answer', async (t) => {
  const { connect } = await start(t, 'return 200 "<ok>";')
  const client = await connect()
  await client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n')
  await client.send(get)
  const all = (await client.readAll({ orReset: true })).toString()
  assert.equal(all.split('HTTP/1.1').length, 2, 'one answer, no second request')
})

test('what follows a refused request is not read as another', async (t) => {
  const { connect } = await start(t, 'return 200 "<ok>";')
  const client = await connect()
  await client.send(`GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n${get}`)
  const all = (await client.readAll({ orReset: true })).toString()
  assert.match(all, /^HTTP\/1\.1 400 /)
  assert.equal(all.split('HTTP/1.1').length, 2)
})

test('Connection: close, HTTP/1.0, and keepalive_requests end it', async (t) => {
  const { connect } = await start(t, 'keepalive_requests 2; return 200 "<ok>";')
  const closing = async (bytes: string): Promise<string> => {
    const client = await connect()
    await client.send(bytes)
    return (await client.readAll()).toString()
  }
  assert.match(
    await closing(get.replace('Host: a', 'Host: a\r\nConnection: close')),
    /Connection: close/,
  )
  assert.match(await closing('GET / HTTP/1.0\r\n\r\n'), /Connection: close/)
  const second = await closing(get + get + get)
  assert.equal(second.split('<ok>').length, 3, 'two answers')
  assert.match(second, /keep-alive[^]*Connection: close/)
})

test('HTTP/1.0 with keep-alive lives on', async (t) => {
  const { connect } = await start(t, 'return 200 "<ok>";')
  const client = await connect()
  for (let i = 0; i < 2; i++) {
    await client.send('GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n')
    assert.match(await client.readUntil('<ok>'), /Connection: keep-alive/)
  }
})

test('keepalive_timeout 0 closes, and the second argument is told', async (t) => {
  const { connect } = await start(
    t,
    'location / { keepalive_timeout 0; return 200 "<ok>"; } location /t { keepalive_timeout 9 7; return 200 "<t>"; }',
  )
  const client = await connect()
  await client.send('GET /t HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await client.readUntil('<t>'), /Keep-Alive: timeout=7/)
  await client.send(get)
  assert.match((await client.readAll()).toString(), /Connection: close/)
})

test('an idle connection is closed after keepalive_timeout', async (t) => {
  const { connect } = await start(t, 'keepalive_timeout 100ms; return 200 "<ok>";')
  const client = await connect()
  await client.send(get)
  await client.readUntil('<ok>')
  assert.equal((await client.readAll()).length, 0)
})

test('a head that comes too slowly is cut, byte by byte or not at all', async (t) => {
  const { connect } = await start(t, 'client_header_timeout 200ms; return 200 "<ok>";')
  const silent = await connect()
  const slow = await connect()
  const drip = setInterval(() => slow.socket.write('a'), 20)
  t.after(() => clearInterval(drip))
  await slow.send('GET /')
  assert.equal((await slow.readAll({ orReset: true })).length, 0)
  assert.equal((await silent.readAll({ orReset: true })).length, 0)
})

test('the time for a head ends with the head, and begins anew with the next', async (t) => {
  const handler = `export default async (): Promise<Response> => {
    await new Promise((resolve) => setTimeout(resolve, 400))
    return new Response('<late>')
  }`
  const { connect } = await start(t, 'client_header_timeout 100ms; location / { handler h.ts; }', {
    'h.ts': handler,
  })
  const client = await connect()
  await client.send(get)
  await client.readUntil('<late>')
  await client.send('GET / HTTP/1.1\r\n')
  assert.equal((await client.readAll({ orReset: true })).length, 0)
})

test('a body that stops is cut after client_body_timeout', async (t) => {
  const handler = `export default async (request: Request): Promise<Response> =>
    new Response(await request.text().catch((error) => 'failed ' + error))`
  const { connect, engine } = await start(
    t,
    'client_body_timeout 100ms; location / { handler h.ts; }',
    { 'h.ts': handler },
  )
  const client = await connect()
  await client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc')
  assert.equal((await client.readAll({ orReset: true })).length, 0)
  await until(() => engine.errorLog.includes('client timed out'), { what: 'the log' })
})

test('a client that reads nothing is cut after send_timeout', async (t) => {
  const handler = `export default (): Response => new Response(new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(65536)) }))`
  const { connect, engine } = await start(t, 'send_timeout 200ms; location / { handler h.ts; }', {
    'h.ts': handler,
  })
  const client = await connect()
  client.socket.pause()
  await client.send(get)
  await until(
    () => engine.errorLog.includes('(110: Connection timed out) while sending to client'),
    {
      what: 'the log',
    },
  )
  client.socket.resume()
  await client.readAll({ orReset: true })
})

test('an answer that a handler gives in one piece arrives whole, however long', async (t) => {
  const handler = `export default (): Response => new Response('0123456789abcdef'.repeat(5 << 20))`
  const [port, securePort] = (await freePorts(2)) as [number, number]
  const { certFile, keyFile } = certificateFor('large.test')
  await startHttp(
    t,
    `server { listen ${host}:${port}; listen ${host}:${securePort} ssl; http2 on; location / { handler h.ts; }
       ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}; }`,
    { 'h.ts': handler },
  )
  const expected = createHash('sha256')
    .update('0123456789abcdef'.repeat(5 << 20))
    .digest('hex')
  for (const address of [`http://${host}:${port}/`, `https://${host}:${securePort}/`]) {
    const stdout = await runOk(['sh', '-c', `curl -sSk ${address} | sha256sum`])
    assert.equal(stdout.slice(0, expected.length), expected, address)
  }
})

test('of a stream that is asked for by HEAD no more is read than its head needs', async (t) => {
  const handler = `export default (): Response => { let pieces = 0; return new Response(new ReadableStream({
    pull: (controller) => { globalThis.pieces = pieces += 1; controller.enqueue(new Uint8Array(9)) },
    cancel: () => { globalThis.cancelled = true } })) }`
  const marks = globalThis as { pieces?: number; cancelled?: boolean }
  const { connect } = await start(t, 'location / { handler h.ts; }', { 'h.ts': handler })
  const client = await connect()
  for (let i = 0; i < 2; i += 1) {
    await client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(await client.readUntil('\r\n\r\n'), /^HTTP\/1\.1 200 /)
  }
  await until(() => marks.cancelled === true, { what: 'the end of the stream' })
  assert(marks.pieces! < 10, `${marks.pieces}`)
})

test('100 Continue is sent when a handler reads, and only then', async (t) => {
  const handler = `export default async (request: Request): Promise<Response> =>
    new Response('<' + (await request.text()) + '>')`
  const { connect } = await start(
    t,
    'location / { handler h.ts; } location /deaf { return 200 "<deaf>"; }',
    { 'h.ts': handler },
  )
  const client = await connect()
  const head = 'HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n'
  await client.send(`POST / ${head}`)
  assert.equal(await client.readUntil('\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n')
  await client.send('hi')
  assert.match(await client.readUntil('<hi>'), /^HTTP\/1\.1 200 /)
  await client.send(`POST /deaf ${head}`)
  const answer = (await client.readAll({ orReset: true })).toString()
  assert.match(answer, /^HTTP\/1\.1 200 [^]*Connection: close[^]*<deaf>$/)
})

test('a body beyond client_max_body_size is a 413, by length and by chunks', async (t) => {
  const handler = `export default async (request: Request): Promise<Response> =>
    new Response('<' + (await request.text()).length + '>')`
  const { port } = await start(
    t,
    'client_max_body_size 10; location / { handler h.ts; } location /free { client_max_body_size 0; handler h.ts; }',
    { 'h.ts': handler },
  )
  const post = (path: string, fields: string, body: string): Promise<string> =>
    talk(t, port, `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n${body}`)
  assert.match(await post('/', 'Content-Length: 10\r\n', 'a'.repeat(10)), /<10>$/)
  assert.equal(statusOf(await post('/', 'Content-Length: 11\r\n', 'a'.repeat(11))), 413)
  const chunks = '6\r\naaaaaa\r\n6\r\nbbbbbb\r\n0\r\n\r\n'
  assert.equal(statusOf(await post('/', 'Transfer-Encoding: chunked\r\n', chunks)), 413)
  assert.match(await post('/free', 'Transfer-Encoding: chunked\r\n', chunks), /<12>/)
})

test('a client that goes away aborts the handler', async (t) => {
  const handler = `export default (request: Request): Promise<Response> =>
    new Promise((resolve) => {
      globalThis.begun = true
      request.signal.addEventListener('abort', () => { globalThis.aborted = true; resolve(new Response('late')) })
    })`
  const { connect } = await start(t, 'location / { handler h.ts; }', { 'h.ts': handler })
  const marks = globalThis as { begun?: boolean; aborted?: boolean }
  const client = await connect()
  await client.send(get)
  await until(() => marks.begun === true, { what: 'the handler' })
  client.reset()
  await until(() => marks.aborted === true, { what: 'the abort signal' })
})

test('a request line and fields at the limits of the buffers, beside nginx', async (t) => {
  const both = await startBoth(
    t,
    `client_header_buffer_size 256; large_client_header_buffers 3 512;
     server { listen {port}; return 200 "ok"; }`,
  )
  const line = (length: number): string => request(`/${'a'.repeat(length)}`)
  const field = (length: number): string => request('/', `A: ${'b'.repeat(length)}\r\n`)
  const fields = (count: number, length: number): string =>
    request('/', `Abc: ${'b'.repeat(length)}\r\n`.repeat(count))
  const cases = [
    ...[200, 230, 240, 450, 480, 494, 495, 496, 497, 498, 499, 500, 520].map(line),
    ...[200, 450, 505, 506, 507, 508, 509, 510, 511, 512, 600].map(field),
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 20].map((count) => fields(count, 240)),
    ...[1, 2, 3, 4, 5].map((count) => fields(count, 500)),
    ...[2, 5, 10, 11, 12, 13, 14, 15, 30].map((count) => fields(count, 100)),
  ]
  for (const bytes of cases) {
    const { ours, nginx } = await askBoth(t, both, bytes)
    assert.equal(statusOf(ours), statusOf(nginx), `${bytes.length}: ${bytes.slice(0, 40)}`)
  }
})

test('the access log has a line for each request, refused ones included', async (t) => {
  const { connect, engine } = await start(t, 'return 200 "<ok>";')
  const client = await connect()
  await client.send(get)
  await client.readUntil('<ok>')
  await client.send('GET / HTTP/1.1\r\n\r\n')
  await client.readAll({ orReset: true })
  engine.flushLogs()
  const lines = engine.prefix.read('logs/access.log').trimEnd().split('\n')
  assert.equal(lines.length, 2)
  assert.match(lines[0]!, /^127\.0\.0\.1 - - \[.+\] "GET \/ HTTP\/1\.1" 200 4 "-" "-"$/)
  assert.match(lines[1]!, /" 400 157 "-" "-"$/)
})

test('a graceful end finishes what is under way and closes what is idle', async (t) => {
  const handler = `export default async (): Promise<Response> => {
    globalThis.waiting = true
    await new Promise((resolve) => { globalThis.release = resolve })
    return new Response('<done>')
  }`
  const { connect, engine } = await start(
    t,
    'location / { handler h.ts; } location /idle { return 200 "<idle>"; }',
    { 'h.ts': handler },
  )
  const marks = globalThis as { waiting?: boolean; release?: () => void }
  const idle = await connect()
  await idle.send('GET /idle HTTP/1.1\r\nHost: a\r\n\r\n')
  await idle.readUntil('<idle>')
  const busy = await connect()
  await busy.send(get)
  await until(() => marks.waiting === true, { what: 'the handler' })
  const drained = engine.engine.drain()
  assert.equal((await idle.readAll()).length, 0)
  marks.release!()
  assert.match((await busy.readAll()).toString(), /Connection: close[^]*<done>/)
  await drained
})
