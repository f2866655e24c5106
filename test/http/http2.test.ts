/** HTTP/2 as clients use it: over TLS and without, with other people's clients, and how connections end. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectNode, type ClientHttp2Session, constants } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { errorCodes } from '../../src/engine/http/http2/error-codes.ts'
import { certificateFor } from '../support/certificates.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { runOk } from '../support/process.ts'
import { connectTls } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import {
  connectHttp2,
  endHeaders,
  ends,
  frame,
  headers,
  request,
  types,
  uint32,
} from './http2-client.ts'
import { type HttpRunner, refusalOf, startHttp } from './support.ts'

interface Started {
  readonly engine: HttpRunner
  readonly port: number
}

type Files = Readonly<Record<string, string | Buffer>>

async function start(t: TestContext, server: string, files: Files = {}): Promise<Started> {
  const port = await freePort()
  const conf = `access_log logs/access.log; server { listen 127.0.0.1:${port} http2; ${server} }`
  return { engine: await startHttp(t, conf, files), port }
}

function nodeClient(t: TestContext, url: string): ClientHttp2Session {
  const client = connectNode(url, { rejectUnauthorized: false, maxSessionMemory: 100 })
  client.on('error', () => {})
  t.after(() => client.destroy())
  return client
}

/** The body that curl gets. */
async function curl(...args: string[]): Promise<string> {
  return runOk(['curl', '--silent', '--show-error', ...args])
}

const site = certificateFor('site.test')
const secured = {
  'conf/site.crt': site.cert,
  'conf/site.key': site.key,
}

const echo = `export default async (r) => {
  const body = await r.bytes()
  let sum = 0
  for (const byte of body) sum = (sum + byte) % 65536
  return new Response(body.length + ' ' + sum)
}`

test('over TLS it is agreed on by ALPN, where the address or the server has it', async (t) => {
  const [one, two] = (await freePorts(2)) as [number, number]
  await startHttp(
    t,
    `access_log off; ssl_certificate site.crt; ssl_certificate_key site.key;
     server { listen 127.0.0.1:${one} ssl http2; return 200 "$server_protocol $http2 $scheme"; }
     server { listen 127.0.0.1:${two} ssl; server_name with.test; http2 on;
       return 200 "$server_protocol $http2"; }
     server { listen 127.0.0.1:${two} ssl; server_name without.test;
       return 200 "$server_protocol $http2"; }`,
    secured,
  )
  const at = (host: string, port: number, ...args: string[]): Promise<string> => {
    const url = `https://${host}:${port}/`
    return curl('-k', '--resolve', `${host}:${port}:127.0.0.1`, ...args, url)
  }
  assert.equal(await at('any.test', one, '--http2'), 'HTTP/2.0 h2 https')
  assert.equal(await at('any.test', one, '--http1.1'), 'HTTP/1.1  https')
  assert.equal(await at('with.test', two, '--http2'), 'HTTP/2.0 h2')
  assert.equal(await at('without.test', two, '--http2'), 'HTTP/1.1 ')
  const plain = await connectTls(t, { port: one, host: '127.0.0.1' })
  await plain.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  assert.match((await plain.readAll()).toString(), /HTTP\/1.1 {2}https$/)
})

test('without TLS by its preface, on the same port as HTTP/1', async (t) => {
  const port = await freePort()
  const server = 'return 200 "$server_protocol $http2 $request";'
  await startHttp(t, `access_log off; http2 on; server { listen 127.0.0.1:${port}; ${server} }`)
  const url = `http://127.0.0.1:${port}/x?y`
  assert.equal(await curl('--http2-prior-knowledge', url), 'HTTP/2.0 h2c GET /x?y HTTP/2.0')
  assert.equal(await curl('--http1.1', url), 'HTTP/1.1  GET /x?y HTTP/1.1')
})

test('behind the PROXY protocol', async (t) => {
  const port = await freePort()
  const server = 'return 200 "$proxy_protocol_addr $http2";'
  await startHttp(
    t,
    `access_log off; server { listen 127.0.0.1:${port} http2 proxy_protocol; ${server} }`,
  )
  const args = ['--http2-prior-knowledge', '--haproxy-protocol', `http://127.0.0.1:${port}/`]
  assert.equal(await curl(...args), '127.0.0.1 h2c')
})

test('many requests of a library at once, and bodies both ways', async (t) => {
  const { port } = await start(
    t,
    'client_max_body_size 0; location / { handler h.ts; } location /files { root html; }',
    { 'h.ts': echo, 'html/files/big': Buffer.alloc(5_000_000, 'abcdefg') },
  )
  const client = nodeClient(t, `http://127.0.0.1:${port}`)
  const send = async (path: string, body?: Buffer): Promise<Buffer> => {
    const stream = client.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST' })
    stream.end(body)
    const pieces: Buffer[] = []
    for await (const piece of stream) pieces.push(piece as Buffer)
    return Buffer.concat(pieces)
  }
  const bodies = Array.from({ length: 30 }, (_, i) => Buffer.alloc(i * i * 3000, i))
  const sums = await Promise.all(bodies.map((body) => send('/', body)))
  for (const [i, sum] of sums.entries()) {
    assert.equal(sum.toString(), `${i * i * 3000} ${(i * i * i * 3000) % 65_536}`)
  }
  const files = await Promise.all(Array.from({ length: 5 }, () => send('/files/big')))
  for (const file of files) assert(file.equals(Buffer.alloc(5_000_000, 'abcdefg')))
})

test('many requests of a library at once over TLS', async (t) => {
  const port = await freePort()
  await startHttp(
    t,
    `access_log off; ssl_certificate site.crt; ssl_certificate_key site.key;
     server { listen 127.0.0.1:${port} ssl http2; root html; }`,
    { ...secured, 'html/big': Buffer.alloc(2_000_000, 'abcdefg') },
  )
  const client = nodeClient(t, `https://127.0.0.1:${port}`)
  const load = async (): Promise<number> => {
    let length = 0
    for await (const piece of client.request({ ':path': '/big' }))
      length += (piece as Buffer).length
    return length
  }
  const lengths = await Promise.all(Array.from({ length: 8 }, load))
  assert.deepEqual(
    lengths,
    Array.from({ length: 8 }, () => 2_000_000),
  )
})

test('several cookies are one field, and names have no upper case in answers', async (t) => {
  const { port } = await start(
    t,
    'add_header X-Cookies $http_cookie; add_header Connection no; return 200 "$cookie_b $http_x_y";',
  )
  const client = await connectHttp2(t, port)
  const fields = [
    ['cookie', 'a=1'],
    ['x-y', 'z'],
    ['cookie', 'b=2'],
    ['cookie', 'c=3'],
  ] as const
  await client.send(headers(1, request('/', fields)))
  const answer = await client.answer(1)
  assert.equal(answer.fields['x-cookies'], 'a=1; b=2; c=3')
  assert.equal(answer.fields['connection'], undefined)
  assert.equal(answer.body.toString(), '2 z')
})

test('the log has the request as it was, and what went over the wire', async (t) => {
  const { engine, port } = await start(t, 'return 200 "0123456789";')
  await curl('--http2-prior-knowledge', `http://127.0.0.1:${port}/a?b`)
  await until(() => {
    engine.flushLogs()
    return engine.prefix.read('logs/access.log') !== ''
  })
  assert.match(engine.prefix.read('logs/access.log'), /"GET \/a\?b HTTP\/2\.0" 200 10 /)
})

test('hints before a response, fields behind it, and filters in between', async (t) => {
  const upstream = createServer((_incoming, outgoing) => {
    outgoing.writeEarlyHints({ link: '</a.css>; rel=preload' })
    outgoing.setHeader('Trailer', 'X-Sum')
    outgoing.setHeader('Content-Type', 'text/html')
    outgoing.write('hello world')
    outgoing.addTrailers({ 'X-Sum': '11' })
    outgoing.end()
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.after(() => void upstream.close())
  const { port } = await start(
    t,
    `location / { proxy_pass http://127.0.0.1:${(upstream.address() as AddressInfo).port};
       proxy_http_version 1.1; proxy_pass_trailers on; early_hints 1;
       sub_filter hello bye; sub_filter_types *; }`,
  )
  const client = await connectHttp2(t, port)
  await client.send(headers(1, request('/')))
  const hints = client.decode(await client.next(types.headers, 1))
  assert.deepEqual(hints, { ':status': '103', link: '</a.css>; rel=preload' })
  const answer = await client.answer(1)
  assert.equal(answer.status, 200)
  assert.equal(answer.body.toString(), 'bye world')
  assert.deepEqual(answer.trailers, { 'x-sum': '11' })
})

test('a malformed request stands in the log with what was wrong', async (t) => {
  const { engine, port } = await start(t, 'return 204;')
  const client = await connectHttp2(t, port)
  await client.send(headers(1, request('/bad?x', [['connection', 'close']])))
  assert.equal((await client.answer(1)).status, 400)
  await until(() => {
    engine.flushLogs()
    return engine.prefix.read('logs/access.log') !== ''
  })
  assert.match(engine.prefix.read('logs/access.log'), /"GET \/bad\?x HTTP\/2\.0" 400 /)
  assert.match(engine.errorLog, /client sent connection-specific header/)
})

test('keepalive_time ends a connection that is older', async (t) => {
  const { port } = await start(t, 'keepalive_time 1ms; return 204;')
  const client = await connectHttp2(t, port)
  await new Promise((resolve) => setTimeout(resolve, 5))
  await client.send(headers(1, request('/')))
  assert.equal((await client.answer(1)).status, 204)
  assert.equal((await client.goAway()).code, errorCodes.noError)
})

test('100 Continue comes when the body is wanted', async (t) => {
  const { port } = await start(t, 'location / { handler h.ts; }', { 'h.ts': echo })
  const client = await connectHttp2(t, port)
  await client.send(headers(1, request('/', [['expect', '100-continue']], 'POST'), endHeaders))
  assert.equal(client.decode(await client.next(types.headers, 1))[':status'], '100')
  await client.send(frame(types.data, ends, 1, Buffer.from([1, 2])))
  assert.equal((await client.answer(1)).body.toString(), '2 3')
})

test('a body that nobody reads yet is taken up to http2_body_preread_size', async (t) => {
  const slow = `let go; export default async (r) => {
    if (r.url.endsWith('/go')) { go(); return new Response('gone') }
    await new Promise((resolve) => { go = resolve })
    return new Response(String((await r.bytes()).length))
  }`
  const { port } = await start(t, 'http2_body_preread_size 3000; location / { handler h.ts; }', {
    'h.ts': slow,
  })
  const client = await connectHttp2(t, port)
  await client.send(headers(1, request('/', [], 'POST'), endHeaders))
  await client.send(frame(types.data, 0, 1, Buffer.alloc(3000)))
  await client.settle()
  await client.send(headers(3, request('/go')))
  await client.answer(3)
  const { payload } = await client.next(types.windowUpdate, 1)
  assert(payload.readUInt32BE(0) > 3000, 'a reader opens the window')
  await client.send(frame(types.data, ends, 1, Buffer.alloc(10_000)))
  assert.equal((await client.answer(1)).body.toString(), '13000')
})

test('client_max_body_size holds for announced bodies and for others', async (t) => {
  const { port } = await start(t, 'client_max_body_size 100; location / { handler h.ts; }', {
    'h.ts': echo,
  })
  const client = await connectHttp2(t, port)
  await client.send(headers(1, request('/', [['content-length', '101']], 'POST'), endHeaders))
  assert.equal((await client.answer(1)).status, 413)
  await client.send(headers(3, request('/', [], 'POST'), endHeaders))
  await client.send(frame(types.data, ends, 3, Buffer.alloc(101)))
  assert.equal((await client.answer(3)).status, 413)
  await client.send(headers(5, request('/')))
  assert.equal((await client.answer(5)).status, 200)
})

test('curl is told why a body is not wanted while it sends it', async (t) => {
  const port = await freePort()
  const server = `listen 127.0.0.1:${port} ssl; http2 on; ssl_certificate site.crt; ssl_certificate_key site.key;`
  await startHttp(t, `server { ${server} client_max_body_size 0; return 403 no; }`, secured)
  const url = `https://127.0.0.1:${port}/`
  const body = ['--data-binary', '@-', '--insecure', '--http2']
  const command = ['curl', '--silent', '--show-error', ...body, url] as const
  assert.equal(await runOk([...command], { input: new Uint8Array(5_000_000) }), 'no')
})

test('after keepalive_requests it says that it leaves, and still takes what was under way', async (t) => {
  const { port } = await start(t, 'keepalive_requests 3; return 200 "$connection_requests";')
  const client = await connectHttp2(t, port)
  for (const stream of [1, 3, 5]) {
    await client.send(headers(stream, request('/')))
    assert.equal((await client.answer(stream)).status, 200)
  }
  assert.deepEqual(await client.goAway(), { code: errorCodes.noError, last: 2 ** 31 - 1 })
  // Sent before the client could know.
  await client.send(headers(7, request('/')))
  assert.equal((await client.answer(7)).body.toString(), '4')
  const ping = await client.next(types.ping)
  await client.send(frame(types.ping, 1, 0, ping.payload))
  assert.deepEqual(await client.goAway(), { code: errorCodes.noError, last: 7 })
  await client.tcp.readAll()
})

test('draining ends idle connections, and others with their last response', async (t) => {
  const { engine, port } = await start(t, 'location / { handler h.ts; }', { 'h.ts': echo })
  const client = await connectHttp2(t, port)
  const idle = await connectHttp2(t, port)
  await client.send(headers(1, request('/', [], 'POST'), endHeaders))
  await client.settle()
  await idle.settle()
  const drained = engine.engine.drain()
  for (const one of [client, idle]) {
    await one.goAway()
    const ping = await one.next(types.ping)
    await one.send(frame(types.ping, 1, 0, ping.payload))
  }
  assert.equal((await idle.goAway()).last, 0)
  await idle.tcp.readAll()
  assert.equal((await client.goAway()).last, 1)
  await client.send(frame(types.data, ends, 1, Buffer.from([5])))
  assert.equal((await client.answer(1)).body.toString(), '1 5')
  await client.tcp.readAll()
  await drained
})

test('a client that does not answer the last PING is left all the same', async (t) => {
  const { engine, port } = await start(t, 'return 204;')
  const client = await connectHttp2(t, port)
  await client.settle()
  const drained = engine.engine.drain()
  await client.goAway()
  assert.equal((await client.goAway()).last, 0)
  await client.tcp.end()
  await drained
})

test('idle connections end after keepalive_timeout, silent ones after client_header_timeout', async (t) => {
  const { engine, port } = await start(
    t,
    'keepalive_timeout 100ms; client_header_timeout 150ms; return 204;',
  )
  const client = await connectHttp2(t, port)
  await client.send(headers(1, request('/')))
  await client.answer(1)
  assert.equal((await client.goAway()).code, errorCodes.noError)
  await client.tcp.readAll()
  // A header block that does not go on.
  const slow = await connectHttp2(t, port)
  await slow.send(headers(1, request('/'), ends))
  await slow.tcp.readAll({ orReset: true })
  assert.match(engine.errorLog, /client timed out .* while reading client request headers/)
})

test('a stream whose client gives no room ends after send_timeout; its connection lives on', async (t) => {
  const { engine, port } = await start(t, 'send_timeout 150ms; root html;', {
    'html/large': Buffer.alloc(200_000),
    'html/small': 'small',
  })
  const client = await connectHttp2(t, port, [4, 1000])
  await client.send(headers(1, request('/large')))
  const answer = await client.answer(1)
  assert.equal(answer.body.length, 1000)
  assert.equal(answer.reset, errorCodes.cancel)
  await client.send(headers(3, request('/small')))
  assert.equal((await client.answer(3)).body.toString(), 'small')
  assert.match(engine.errorLog, /client timed out .* while sending to client/)
})

test('a body that stops coming ends after client_body_timeout', async (t) => {
  const { port } = await start(t, 'client_body_timeout 150ms; location / { handler h.ts; }', {
    'h.ts': echo,
  })
  const client = await connectHttp2(t, port)
  await client.send(headers(1, request('/', [], 'POST'), endHeaders))
  await client.send(frame(types.data, 0, 1, Buffer.from([1])))
  const answer = await client.answer(1)
  assert.notEqual(answer.reset, undefined)
  await client.settle()
})

test('a client that resets its stream ends what was under way for it', async (t) => {
  const { engine, port } = await start(t, 'root html;', { 'html/large': Buffer.alloc(200_000) })
  const client = await connectHttp2(t, port, [4, 1000])
  await client.send(headers(1, request('/large')))
  await client.next(types.data, 1)
  await client.send(frame(types.rstStream, 0, 1, uint32(constants.NGHTTP2_CANCEL)))
  await client.settle()
  await until(() => {
    engine.flushLogs()
    return engine.prefix.read('logs/access.log').includes('/large')
  })
  assert.match(engine.prefix.read('logs/access.log'), /"GET \/large HTTP\/2\.0" 200 1000 /)
})

test('444 resets the stream without a word', async (t) => {
  const { port } = await start(t, 'location /no { return 444; } location / { return 200 yes; }')
  const client = await connectHttp2(t, port)
  await client.send(headers(1, request('/no')))
  assert.deepEqual(await client.answer(1), {
    status: 0,
    fields: {},
    body: Buffer.alloc(0),
    trailers: {},
    reset: errorCodes.internal,
  })
  await client.send(headers(3, request('/')))
  assert.equal((await client.answer(3)).body.toString(), 'yes')
})

test('a client that is gone takes its requests with it', async (t) => {
  const { engine, port } = await start(t, 'location / { handler h.ts; }', { 'h.ts': echo })
  const client = nodeClient(t, `http://127.0.0.1:${port}`)
  await once(client, 'connect')
  client.request({ ':path': '/', ':method': 'POST' }).on('error', () => {})
  await until(() => engine.engine.active === 1)
  client.destroy()
  await until(() => engine.engine.active === 0)
})

test('what nginx says of its directives', async (t) => {
  const at = (text: string): Promise<readonly string[]> => refusalOf(t, `server { ${text} }`)
  assert.match((await at('http2_chunk_size 0;'))[0]!, /the http2 chunk size cannot be zero/)
  assert.match((await at('http2_streams_index_size 33;'))[0]!, /must be a power of two/)
  assert.match((await at('http2_pool_size 1;'))[0]!, /the pool size must be no less than 112/)
  assert.match(
    (await at('http2_body_preread_size 2048m;'))[0]!,
    /the maximum body preread buffer size is 2147483647/,
  )
  assert.match((await at('http2_max_concurrent_streams x;'))[0]!, /invalid number/)
  const { engine } = await start(t, 'http2_max_requests 3; http2_push off; return 204;')
  assert.deepEqual(engine.warnings, [
    'the "http2_max_requests" directive is obsolete, use the "keepalive_requests" directive instead',
    'the "http2_push" directive is obsolete, ignored',
  ])
})
