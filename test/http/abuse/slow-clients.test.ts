/**
 * Clients that take their time on purpose: in the head, in the body, in reading. Each is ended by its
 * directive, costs nobody else anything, and leaves nothing behind.
 */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { freePort } from '../../support/ports.ts'
import { Scope } from '../../support/scope.ts'
import { connectTcp, type TcpClient } from '../../support/tcp.ts'
import { until } from '../../support/wait.ts'
import { dialogue } from '../dialogue.ts'
import { type HttpRunner, startHttp } from '../support.ts'
import { type StrictBackend, startStrictBackend } from './strict-backend.ts'

const slowClients = 100
const dripMs = 20
const bodyBytes = 40 * 1024 ** 2

const scope = new Scope()
let engine: HttpRunner
let backend: StrictBackend
let port = 0

before(async () => {
  backend = await startStrictBackend(scope)
  port = await freePort()
  engine = await startHttp(
    scope,
    `access_log off;
    client_header_timeout 300ms;
    client_body_timeout 300ms;
    send_timeout 300ms;
    keepalive_timeout 300ms;
    server {
      listen 127.0.0.1:${port};
      location /text { return 200 "text"; }
      location / { proxy_pass http://127.0.0.1:${backend.port}; proxy_max_temp_file_size 0; }
    }`,
  )
})
after(() => scope.close())

const good = 'GET /text HTTP/1.1\r\nHost: a\r\n\r\n'

async function connectMany(): Promise<TcpClient[]> {
  const clients: TcpClient[] = []
  for (let i = 0; i < slowClients; i++) {
    clients.push(await connectTcp(scope, { port, host: '127.0.0.1' }))
  }
  return clients
}

/** Others are served while these hang, and these are ended. */
async function endsAll(clients: readonly TcpClient[]): Promise<void> {
  assert.deepEqual((await dialogue(scope, port, good)).statuses, [200])
  await until(() => clients.every(({ ending }) => ending !== undefined), { what: 'their end' })
  await until(() => engine.engine.active === 0, { what: 'the engine to have forgotten them' })
}

/** Writes a byte now and then, until the peer ends it. */
function drip(socket: Socket, text: string): void {
  let at = 0
  const timer = setInterval(() => {
    if (socket.destroyed || socket.writableEnded) clearInterval(timer)
    else socket.write(text[at++ % text.length]!)
  }, dripMs)
  socket.on('close', () => clearInterval(timer))
  scope.after(() => clearInterval(timer))
}

test('connections that never say anything', async () => {
  await endsAll(await connectMany())
})

test('heads that come byte by byte for ever', async () => {
  const clients = await connectMany()
  for (const { socket } of clients) {
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nX: ')
    drip(socket, 'y')
  }
  await endsAll(clients)
})

test('field after field, each in time, the head never', async () => {
  const clients = await connectMany()
  for (const { socket } of clients) {
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n')
    drip(socket, 'X: y\r\n')
  }
  await endsAll(clients)
})

test('bodies that stop', async () => {
  const seen = backend.seen.length
  const clients = await connectMany()
  for (const { socket } of clients) {
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc')
  }
  await endsAll(clients)
  assert.equal(backend.seen.length, seen, 'no half of a body was passed on')
})

test('chunked bodies that stop within a chunk', async () => {
  const seen = backend.seen.length
  const clients = await connectMany()
  for (const { socket } of clients) {
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc')
  }
  await endsAll(clients)
  assert.equal(backend.seen.length, seen)
})

test('connections that are kept and say nothing more', async () => {
  const clients = await connectMany()
  for (const client of clients) await client.send(good)
  await endsAll(clients)
  for (const { pending } of clients) assert.match(pending.toString(), /^HTTP\/1\.1 200 [^]*text$/)
})

test('answers that nobody reads are not taken from the backend either', async () => {
  const body = Buffer.alloc(1024 ** 2, 'x')
  let sent = 0
  backend.answer = (_, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bodyBytes}\r\n\r\n`)
    const more = (): void => {
      while (sent < bodyBytes) {
        sent += body.length
        if (!socket.write(body)) return void socket.once('drain', more)
      }
    }
    more()
    return undefined
  }
  const client = await connectTcp(scope, { port, host: '127.0.0.1' })
  client.socket.pause()
  await client.send('GET /big HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(() => engine.engine.active === 0, { what: 'its end by send_timeout' })
  assert(sent < bodyBytes / 2, `${sent} bytes were read for a client that reads none`)
  client.reset()
})
