/** `grpc_pass` in front of servers of Node's: calls, trailers, streams both ways, failures, and kept connections. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect as connectNode,
  createSecureServer,
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { certificateAuthority, certificateFor } from '../support/certificates.ts'
import { freePort } from '../support/ports.ts'
import { within } from '../support/wait.ts'
import { ack, block, endHeaders, ends, frame, settings, types, uint32 } from './http2-client.ts'
import { type HttpRunner, refusalOf, startHttp } from './support.ts'

type Answer = (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => void

interface Upstream {
  readonly port: number
  /** Connections that were made to it. */
  readonly sessions: ServerHttp2Session[]
}

async function listen(t: TestContext, server: Http2Server): Promise<Upstream> {
  const sessions: ServerHttp2Session[] = []
  server.on('session', (session) => {
    sessions.push(session)
    session.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sessions }
}

async function startUpstream(t: TestContext, answer: Answer): Promise<Upstream> {
  const server = createHttp2Server()
  server.on('stream', (stream, fields) => {
    stream.on('error', () => {})
    answer(stream as ServerHttp2Stream, fields)
  })
  return listen(t, server)
}

/** Sends back what comes, and says behind it that all is well. */
const echo: Answer = (stream, fields) => {
  const head = {
    ':status': 200,
    'content-type': 'application/grpc',
    'x-seen': JSON.stringify(fields),
  }
  stream.respond(head, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'ok' }))
  stream.pipe(stream)
}

interface Front {
  readonly engine: HttpRunner
  readonly client: ClientHttp2Session
}

async function startFront(t: TestContext, http: string, server: string): Promise<Front> {
  const port = await freePort()
  const conf = `access_log off; client_max_body_size 0; ${http}
    server { listen 127.0.0.1:${port} http2; ${server} }`
  const engine = await startHttp(t, conf)
  const client = connectNode(`http://127.0.0.1:${port}`)
  client.on('error', () => {})
  t.after(() => client.destroy())
  return { engine, client }
}

interface Reply {
  readonly head: Record<string, unknown>
  readonly trailers: Record<string, unknown>
  readonly body: Buffer
}

async function call(
  client: ClientHttp2Session,
  fields: Record<string, string>,
  body: Buffer | undefined = Buffer.from('message'),
): Promise<Reply> {
  const stream = client.request({ ':method': 'POST', te: 'trailers', ...fields })
  let head = {}
  let trailers = {}
  const pieces: Buffer[] = []
  stream.on('response', (received) => (head = { ...received }))
  stream.on('trailers', (received) => (trailers = { ...received }))
  stream.on('data', (piece: Buffer) => pieces.push(piece))
  stream.end(body)
  await within(once(stream, 'close'), { what: 'the end of a call' })
  return { head, trailers, body: Buffer.concat(pieces) }
}

test('a call: fields both ways, its message, and what stands behind it', async (t) => {
  const { port } = await startUpstream(t, echo)
  const { client } = await startFront(
    t,
    '',
    `location / { grpc_pass grpc://127.0.0.1:${port}; grpc_set_header X-Real $remote_addr;
       grpc_set_header User-Agent ''; }`,
  )
  const reply = await call(client, {
    ':path': '/pkg.Service/Method?q',
    'x-mine': 'a',
    'user-agent': 'b',
  })
  assert.equal(reply.head[':status'], 200)
  assert.equal(reply.head['content-type'], 'application/grpc')
  assert.equal(reply.body.toString(), 'message')
  assert.equal(reply.trailers['grpc-status'], '0')
  assert.equal(reply.trailers['grpc-message'], 'ok')
  assert.deepEqual(JSON.parse(String(reply.head['x-seen'])), {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': '/pkg.Service/Method?q',
    ':authority': `127.0.0.1:${port}`,
    te: 'trailers',
    'x-real': '127.0.0.1',
    'x-mine': 'a',
  })
})

test('an answer that is nothing but trailers', async (t) => {
  const { port } = await startUpstream(t, (stream) =>
    stream.respond({ ':status': 200, 'grpc-status': '12' }, { endStream: true }),
  )
  const { client } = await startFront(t, '', `location / { grpc_pass 127.0.0.1:${port}; }`)
  const reply = await call(client, { ':path': '/' })
  assert.equal(reply.head['grpc-status'], '12')
  assert.equal(reply.body.length, 0)
})

test('messages of any size, both ways at once', async (t) => {
  const { port } = await startUpstream(t, echo)
  const { client } = await startFront(t, '', `location / { grpc_pass grpc://127.0.0.1:${port}; }`)
  const body = Buffer.alloc(3_000_000, 'abcdefg')
  for (const reply of await Promise.all(
    [1, 2, 3].map(() => call(client, { ':path': '/' }, body)),
  )) {
    assert(reply.body.equals(body))
    assert.equal(reply.trailers['grpc-status'], '0')
  }
})

test('a conversation: each message is answered before the next one is sent', async (t) => {
  const { port } = await startUpstream(t, echo)
  const { client } = await startFront(t, '', `location / { grpc_pass grpc://127.0.0.1:${port}; }`)
  const stream = client.request({ ':method': 'POST', ':path': '/', te: 'trailers' })
  for (const word of ['one', 'two', 'three']) {
    stream.write(word)
    const [piece] = (await within(once(stream, 'data'), { what: word })) as [Buffer]
    assert.equal(piece.toString(), word)
  }
  stream.end()
  const [trailers] = (await within(once(stream, 'trailers'))) as [IncomingHttpHeaders]
  assert.equal(trailers['grpc-status'], '0')
})

test('connections wait in the pool of the group for the next call', async (t) => {
  const upstream = await startUpstream(t, echo)
  const group = `upstream u { server 127.0.0.1:${upstream.port}; keepalive 4; }`
  const { client } = await startFront(t, group, 'location / { grpc_pass grpc://u; }')
  for (let i = 0; i < 5; i++) {
    assert.equal((await call(client, { ':path': '/' })).body.toString(), 'message')
  }
  assert.equal(upstream.sessions.length, 1)
})

test('without a pool every call has a connection of its own', async (t) => {
  const upstream = await startUpstream(t, echo)
  const { client } = await startFront(
    t,
    '',
    `location / { grpc_pass grpc://127.0.0.1:${upstream.port}; }`,
  )
  for (let i = 0; i < 3; i++) await call(client, { ':path': '/' })
  assert.equal(upstream.sessions.length, 3)
})

test('over TLS, with the name and the certificate checked', async (t) => {
  const site = certificateFor('grpc.test')
  const server = createSecureServer({ cert: site.cert, key: site.key })
  server.on('stream', echo)
  const upstream = await listen(t, server)
  const port = await freePort()
  await startHttp(
    t,
    `access_log off; grpc_ssl_name grpc.test; grpc_ssl_server_name on;
     grpc_ssl_trusted_certificate ca.crt; grpc_ssl_verify on;
     server { listen 127.0.0.1:${port} http2;
       location / { grpc_pass grpcs://127.0.0.1:${upstream.port}; }
       location /other { grpc_ssl_name other.test; grpc_pass grpcs://127.0.0.1:${upstream.port}; } }`,
    { 'conf/ca.crt': certificateAuthority().cert },
  )
  const client = connectNode(`http://127.0.0.1:${port}`)
  client.on('error', () => {})
  t.after(() => client.destroy())
  const reply = await call(client, { ':path': '/' })
  assert.equal(reply.trailers['grpc-status'], '0')
  assert.match(String(reply.head['x-seen']), /":scheme":"https"/)
  assert.equal((await call(client, { ':path': '/other' })).head[':status'], 502)
})

test('fields that are kept from the client, and those that are let through', async (t) => {
  const { port } = await startUpstream(t, (stream) => {
    stream.respond({ ':status': 200, server: 'theirs', 'x-inner': 'a', 'x-pad': 'b', 'x-c': 'd' })
    stream.end()
  })
  const { client } = await startFront(
    t,
    '',
    `location / { grpc_pass 127.0.0.1:${port}; grpc_pass_header Server; grpc_hide_header X-Inner;
       add_header X-Up $upstream_http_x_inner; }`,
  )
  const { head } = await call(client, { ':path': '/' })
  assert.equal(head['server'], 'theirs')
  assert.equal(head['x-inner'], undefined)
  assert.equal(head['x-up'], 'a')
  assert.equal(head['x-c'], 'd')
})

test('grpc_intercept_errors has pages of ours', async (t) => {
  const { port } = await startUpstream(t, (stream) =>
    stream.respond({ ':status': 503 }, { endStream: true }),
  )
  const { client } = await startFront(
    t,
    '',
    `error_page 503 = /sorry; location /sorry { return 200 "sorry"; }
     location / { grpc_pass 127.0.0.1:${port}; grpc_intercept_errors on; }`,
  )
  const reply = await call(client, { ':path': '/' }, undefined)
  assert.equal(reply.body.toString(), 'sorry')
})

test('the next server is asked after a failure, as long as no message was sent', async (t) => {
  const { port } = await startUpstream(t, echo)
  const broken = createServer((socket) => void socket.destroy())
  broken.listen(0, '127.0.0.1')
  await once(broken, 'listening')
  t.after(() => void broken.close())
  const bad = (broken.address() as AddressInfo).port
  const { client, engine } = await startFront(
    t,
    `upstream u { server 127.0.0.1:${bad}; server 127.0.0.1:${port} backup; }`,
    'location / { grpc_pass grpc://u; }',
  )
  const stream = client.request({ ':method': 'GET', ':path': '/', te: 'trailers' })
  const [head] = (await within(once(stream, 'response'))) as [IncomingHttpHeaders]
  assert.equal(head[':status'], 200)
  assert.match(engine.errorLog, /upstream: "grpc:\/\/127\.0\.0\.1:\d+\/"/)
})

/** A server that says what no server would. */
async function startRaw(t: TestContext, say: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    t.after(() => void socket.destroy())
    socket.once('data', () => say(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

const ok = block([
  [':status', '200'],
  ['content-type', 'application/grpc'],
])
const head = (fields: Buffer, flags = endHeaders): Buffer => frame(types.headers, flags, 1, fields)

/** What a broken server sends, and how that is told. */
const broken: Readonly<Record<string, readonly [bytes: readonly Buffer[], log: RegExp]>> = {
  'no HTTP/2 at all': [[Buffer.from('HTTP/1.1 200 OK\r\n\r\n')], /too large http2 frame/],
  'a reset': [
    [settings(), frame(types.rstStream, 0, 1, uint32(7))],
    /upstream rejected request with error 7/,
  ],
  'GOAWAY that does not count the call': [
    [settings(), frame(types.goAway, 0, 0, Buffer.concat([uint32(0), uint32(2)]))],
    /upstream sent goaway with error 2/,
  ],
  'a head without a status': [[settings(), head(block([['a', 'b']]))], /no ":status" header/],
  'a status that is none': [[settings(), head(block([[':status', '20']]))], /invalid :status "20"/],
  'a field of a request': [
    [
      settings(),
      head(
        block([
          [':status', '200'],
          [':path', '/'],
        ]),
      ),
    ],
    /invalid header: ":path: \/"/,
  ],
  'a name in upper case': [
    [
      settings(),
      head(
        block([
          [':status', '200'],
          ['A', 'b'],
        ]),
      ),
    ],
    /invalid header: "A: b"/,
  ],
  'a value with a line break': [
    [
      settings(),
      head(
        block([
          [':status', '200'],
          ['a', 'b\r\nc: d'],
        ]),
      ),
    ],
    /invalid header: "a: b/,
  ],
  'a head that is too big': [
    [
      settings(),
      head(
        block([
          [':status', '200'],
          ['a', 'b'.repeat(5000)],
        ]),
      ),
    ],
    /too big header/,
  ],
  'a header block that is none': [
    [settings(), head(Buffer.from([0xff, 0xff]))],
    /invalid http2 header block/,
  ],
  'a body before its head': [
    [settings(), frame(types.data, 0, 1, Buffer.from('x'))],
    /unexpected http2 data frame/,
  ],
  'a frame of another stream': [
    [settings(), frame(types.data, 0, 3)],
    /frame for unknown stream 3/,
  ],
  'a promise': [
    [settings(), frame(types.pushPromise, endHeaders, 1, uint32(2))],
    /unexpected push promise frame/,
  ],
  'settings without end': [
    [Buffer.concat(Array.from({ length: 2000 }, () => settings([3, 1])))],
    /too many control frames/,
  ],
  'a window beyond all bounds': [
    [settings(), frame(types.windowUpdate, 0, 0, uint32(2 ** 31 - 1))],
    /invalid http2 window update frame/,
  ],
}

for (const [name, [bytes, log]] of Object.entries(broken)) {
  test(`a broken server: ${name}`, async (t) => {
    const port = await startRaw(t, (socket) => socket.write(Buffer.concat(bytes)))
    const { client, engine } = await startFront(
      t,
      '',
      `location / { grpc_pass 127.0.0.1:${port}; }`,
    )
    const reply = await call(client, { ':path': '/' })
    assert.equal(reply.head[':status'], 502)
    assert.match(engine.errorLog, log)
  })
}

test('a response that breaks off is cut off for the client too', async (t) => {
  for (const rest of [
    [frame(types.rstStream, 0, 1, uint32(2))],
    [head(block([['grpc-status', '0']]), endHeaders)],
    [head(block([[':status', '200']]), endHeaders | ends)],
  ]) {
    const port = await startRaw(t, (socket) => {
      socket.write(
        Buffer.concat([settings(), head(ok), frame(types.data, 0, 1, Buffer.from('part'))]),
      )
      setImmediate(() => socket.write(Buffer.concat(rest)))
    })
    const { client } = await startFront(t, '', `location / { grpc_pass 127.0.0.1:${port}; }`)
    const stream = client.request({ ':method': 'POST', ':path': '/' })
    stream.end('x')
    stream.resume()
    const [error] = (await within(once(stream, 'error'))) as [Error & { code: string }]
    assert.equal(error.code, 'ERR_HTTP2_STREAM_ERROR')
    client.destroy()
  }
})

test('a server that takes nothing of a message holds the client back', async (t) => {
  const port = await startRaw(t, (socket) =>
    socket.write(Buffer.concat([settings([4, 10]), frame(types.settings, ack)])),
  )
  const { client } = await startFront(
    t,
    'grpc_send_timeout 200ms; grpc_read_timeout 200ms;',
    `location / { grpc_pass 127.0.0.1:${port}; }`,
  )
  const reply = await call(client, { ':path': '/' }, Buffer.alloc(1_000_000))
  assert.equal(reply.head[':status'], 504)
})

test('a server that is silent is given up', async (t) => {
  const port = await startRaw(t, () => {})
  const { client, engine } = await startFront(
    t,
    'grpc_read_timeout 150ms;',
    `location / { grpc_pass 127.0.0.1:${port}; }`,
  )
  assert.equal((await call(client, { ':path': '/' })).head[':status'], 504)
  assert.match(engine.errorLog, /upstream timed out .* while reading response header from upstream/)
})

test('what nginx says of its directives', async (t) => {
  const at = (text: string): Promise<readonly string[]> =>
    refusalOf(t, `server { location /a { ${text} } }`)
  assert.match((await at('grpc_pass "";'))[0]!, /no host in upstream ""/)
  assert.match((await at('grpc_pass grpc://localhost;'))[0]!, /no port in upstream "localhost"/)
  assert.match(
    (await at('grpc_pass grpc://127.0.0.1:1/x;'))[0]!,
    /invalid host in upstream "127.0.0.1:1\/x"/,
  )
  assert.match((await at('grpc_ignore_headers X;'))[0]!, /invalid value "X"/)
  assert.match(
    (await at('grpc_ssl_verify on; grpc_pass grpcs://127.0.0.1:1;'))[0]!,
    /no grpc_ssl_trusted_certificate for grpc_ssl_verify/,
  )
})
