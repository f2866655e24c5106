/** Requests of HTTP/2 that are passed on, by this engine and by nginx: what servers see, and what clients get. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, test, type TestContext } from 'node:test'
import { onEnd, Scope } from '../support/scope.ts'
import { type Both, startBoth } from './both.ts'
import {
  type Answer,
  connectHttp2,
  endHeaders,
  ends,
  frame,
  headers,
  request,
  types,
  uint32,
} from './http2-client.ts'

const scope = new Scope()
let both: Both

/** Tells what it saw, as nginx and the engine have sent it: all but its own address, and in order. */
function told(fields: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${String(value)}`)
  return lines
    .filter((line) => !line.startsWith('host'))
    .toSorted()
    .join('\n')
}

async function startHttp1(): Promise<number> {
  const server = createHttpServer((incoming, outgoing) => {
    const pieces: Buffer[] = []
    incoming.on('data', (piece: Buffer) => pieces.push(piece))
    incoming.on('end', () => {
      const path = incoming.url ?? ''
      if (path === '/p/large') outgoing.end(Buffer.alloc(300_000, 'abcdefg'))
      else if (path === '/p/missing') outgoing.writeHead(404, { 'X-Why': 'not there' }).end('no')
      else if (path === '/p/empty') outgoing.writeHead(204).end()
      else if (path === '/p/cookies')
        outgoing.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'] }).end()
      else if (path === '/p/redirect') outgoing.writeHead(302, { Location: '/p/there' }).end()
      else if (path === '/p/cut') {
        outgoing.writeHead(200, { 'Content-Length': '100' })
        outgoing.write('part')
        setTimeout(() => outgoing.destroy(), 20)
      } else {
        outgoing.setHeader('X-Case', 'Kept')
        outgoing.end(
          `${incoming.method} ${path}\n${told(incoming.headers)}\n${Buffer.concat(pieces).length}`,
        )
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(scope, () => server.closeAllConnections())
  onEnd(scope, () => void server.close())
  return (server.address() as AddressInfo).port
}

async function startGrpc(): Promise<number> {
  const server = createHttp2Server()
  const sessions = new Set<{ destroy(): void }>()
  server.on('session', (session) => sessions.add(session))
  server.on('stream', (one, fields) => {
    const stream = one as ServerHttp2Stream
    stream.on('error', () => {})
    const path = String(fields[':path'])
    const type = { 'content-type': 'application/grpc' }
    if (path === '/g/only') stream.respond({ ...type, 'grpc-status': '5' }, { endStream: true })
    else if (path === '/g/reset') stream.close(8)
    else if (path === '/g/503') stream.respond({ ':status': 503 }, { endStream: true })
    else {
      stream.respond({ ...type, 'x-up': 'a' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-sum': 'b' }))
      let length = 0
      stream.on('data', (piece: Buffer) => (length += piece.length))
      const { ':authority': _authority, ...seen } = fields
      stream.on('end', () => stream.end(`${told(seen)}\n${length}`))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(scope, () => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

before(async () => {
  const [http, grpc] = [await startHttp1(), await startGrpc()]
  both = await startBoth(
    scope,
    `upstream one { server 127.0.0.1:${http}; keepalive 8; }
     upstream two { server 127.0.0.1:${grpc}; keepalive 8; }
     server { listen {port} http2; client_max_body_size 0;
       location /p { proxy_pass http://one; proxy_http_version 1.1; proxy_set_header Connection ""; }
       location /plain { proxy_pass http://one/p/plain; }
       location /streamed { proxy_pass http://one/p; proxy_http_version 1.1; proxy_request_buffering off; }
       location /g { grpc_pass grpc://two; grpc_set_header X-Set "$scheme$http_x_a"; }
       location /dead { grpc_pass grpc://127.0.0.1:1; } }`,
  )
})
after(() => scope.close())

interface Passed {
  readonly path: string
  readonly method?: string
  readonly fields?: readonly (readonly [string, string])[]
  readonly body?: readonly Buffer[]
}

const word = Buffer.from('message')
const grpcFields = [
  ['te', 'trailers'],
  ['content-type', 'application/grpc'],
] as const

const cases: Readonly<Record<string, Passed>> = {
  'a request': {
    path: '/p/a?b',
    fields: [
      ['x-a', 'b'],
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
    ],
  },
  'a body with its length': { path: '/p', body: [word], fields: [['content-length', '7']] },
  'a body without': { path: '/p', body: [word, word] },
  'a body without, to HTTP/1.0': { path: '/plain', body: [word, word] },
  'a body as it comes': { path: '/streamed', body: [word, word, word] },
  'a large body': { path: '/p', body: Array.from({ length: 12 }, () => Buffer.alloc(16_000)) },
  'a large response': { path: '/p/large' },
  'a response of another status': { path: '/p/missing' },
  'a response without a body': { path: '/p/empty' },
  HEAD: { path: '/p/large', method: 'HEAD' },
  'several cookies': { path: '/p/cookies' },
  'a redirect': { path: '/p/redirect' },
  'a response that is cut': { path: '/p/cut' },
  'a call': { path: '/g/x?y', method: 'POST', fields: grpcFields, body: [word] },
  'a call with a field': {
    path: '/g',
    method: 'POST',
    fields: [...grpcFields, ['x-a', 'b']],
    body: [word],
  },
  'a call of many messages': {
    path: '/g',
    method: 'POST',
    body: Array.from({ length: 4 }, () => Buffer.alloc(9000)),
  },
  'a call with its length': {
    path: '/g',
    method: 'POST',
    fields: [['content-length', '7']],
    body: [word],
  },
  'a call without trailers asked for': { path: '/g', method: 'POST', body: [word] },
  'an answer of nothing but trailers': { path: '/g/only', method: 'POST', body: [word] },
  'a call that the server resets': { path: '/g/reset', method: 'POST', body: [word] },
  'a call that fails': { path: '/g/503', method: 'POST', body: [word] },
  'a call to nobody': { path: '/dead', method: 'POST', body: [word] },
  'a request of GET to a gRPC server': { path: '/g/get' },
}

async function ask(t: TestContext, port: number, passed: Passed): Promise<string> {
  const { path, body, fields = [], method = body === undefined ? 'GET' : 'POST' } = passed
  const client = await connectHttp2(t, port, [4, 2 ** 30])
  await client.send(frame(types.windowUpdate, 0, 0, uint32(2 ** 30)))
  const flags = body === undefined ? ends | endHeaders : endHeaders
  await client.send(headers(1, request(path, fields, method), flags))
  for (const [i, piece] of (body ?? []).entries()) {
    if (i === 4) await client.next(types.windowUpdate, 1)
    await client.send(frame(types.data, i === body!.length - 1 ? ends : 0, 1, piece))
  }
  const answer = await client.answer(1)
  client.tcp.close()
  return describe(answer)
}

function describe({ status, fields, body, trailers, reset }: Answer): string {
  const { server: _server, date: _date, ...rest } = fields
  const text = body.length > 10_000 ? `${body.length} bytes` : body.toString('latin1')
  const sorted = Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify({
    status,
    fields: sorted,
    text,
    trailers,
    cut: reset !== undefined && reset !== 0,
  })
    .replaceAll(/(?:nginx|trijet)\/\d+\.\d+\.\d+/g, 'server')
    .replaceAll(/127\.0\.0\.1:\d+|localhost:\d+/g, 'HOST')
}

for (const [name, passed] of Object.entries(cases)) {
  test(`as nginx: ${name}`, async (t) => {
    const ours = await ask(t, both.oursPort, passed)
    assert.equal(ours, await ask(t, both.nginxPort, passed))
  })
}
