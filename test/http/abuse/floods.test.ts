/**
 * Too much of everything, against a real process: its memory is watched, and it serves others meanwhile.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { startLoad } from '../../../bench/load-process.ts'
import { certificateFor } from '../../support/certificates.ts'
import { freePort } from '../../support/ports.ts'
import { memoryBytes } from '../../support/process-tree.ts'
import { startTrijet, type Trijet } from '../../support/trijet.ts'
import { until } from '../../support/wait.ts'
import { dialogue } from '../dialogue.ts'

const mib = 1024 ** 2

const limits = {
  /** Opened, used and closed one after the other. */
  connections: 100_000,
  /** Before the first measure: heaps grow to their working size. */
  warmUpConnections: 30_000,
  /** What heaps of that size come and go by between two collections. */
  growthBytes: 40 * mib,
  windowMs: 1_500,
  windowsMax: 40,
  held: 3_000,
  pipelined: 20_000,
  headBytes: 4 * mib,
} as const

const good = 'GET /text HTTP/1.1\r\nHost: a\r\n\r\n'

interface Subject {
  readonly engine: Trijet
  readonly port: number
  /** Of the worker. */
  memory(): number
}

async function start(t: TestContext, options = ''): Promise<Subject> {
  const port = await freePort()
  const { cert, key } = certificateFor('localhost')
  const conf = `worker_processes 1;
events { worker_connections 16384; }
http {
  access_log off;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${options}
    location /text { return 200 "text"; }
  }
}
`
  const files = { 'conf/server.pem': cert, 'conf/server.key': key }
  const engine = await startTrijet(t, { conf, files })
  await dialogue(t, port, good)
  const worker = engine.children('worker')[0]!
  return { engine, port, memory: () => memoryBytes(worker.pid) }
}

async function servesOthers(t: TestContext, { port, engine }: Subject): Promise<void> {
  assert.deepEqual((await dialogue(t, port, good)).statuses, [200])
  assert.doesNotMatch(engine.errorLog, /exited on signal|\[alert\]/)
}

test(`${limits.connections} connections leave nothing behind`, async (t) => {
  const subject = await start(t)
  let served = 0
  let after = 0
  for (let i = 0; i < limits.windowsMax && served < limits.connections; i++) {
    const load = await startLoad(t, {
      kind: 'http-connect',
      port: subject.port,
      backendPort: 0,
      connections: 32,
      messageBytes: 4,
      path: '/text',
      warmUpMs: 0,
      windowMs: limits.windowMs,
      pids: [],
    })
    const { requests, errors } = await load.result()
    assert.equal(errors, 0)
    served += requests
    if (after === 0 && served > limits.warmUpConnections) after = subject.memory()
  }
  assert(served >= limits.connections, `only ${served} connections in time`)
  const growth = subject.memory() - after
  assert(growth < limits.growthBytes, `grew by ${growth} bytes`)
  await servesOthers(t, subject)
})

test(`${limits.held} silent connections cost little and end by themselves`, async (t) => {
  const subject = await start(t, 'client_header_timeout 5s;')
  const before = subject.memory()
  const sockets: Socket[] = []
  t.after(() => sockets.forEach((socket) => socket.destroy()))
  let closed = 0
  for (let i = 0; i < limits.held; i++) {
    const socket = connect(subject.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.on('close', () => (closed += 1))
    socket.resume()
    sockets.push(socket)
    if (i % 100 === 99) await once(socket, 'connect')
  }
  await servesOthers(t, subject)
  const each = (subject.memory() - before) / limits.held
  assert(each < 8 * 1024, `${Math.round(each)} bytes for each`)
  await until(() => closed === limits.held, { what: 'their end', deadlineMs: 60_000 })
})

test(`${limits.pipelined} pipelined requests of a client that reads nothing`, async (t) => {
  const subject = await start(t, `send_timeout 20s; keepalive_requests ${limits.pipelined};`)
  const before = subject.memory()
  const socket = connect(subject.port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  socket.pause()
  const bytes = good.repeat(100)
  let taken = 0
  for (; taken < limits.pipelined; taken += 100) if (!socket.write(bytes)) break
  for (let rest = limits.pipelined - taken; rest > 0; rest -= 100) socket.write(bytes)
  await servesOthers(t, subject)
  const growth = subject.memory() - before
  assert(growth < limits.growthBytes, `grew by ${growth} bytes`)
  // Whoever reads in the end gets all of them, in order.
  let answers = 0
  socket.on('data', (chunk: Buffer) => {
    answers += chunk.toString('latin1').split('HTTP/1.1 200').length - 1
  })
  socket.resume()
  const nearlyAll = limits.pipelined * 0.99
  await until(() => answers >= nearlyAll, { what: 'the answers', deadlineMs: 60_000 })
})

test('a head of megabytes is refused at its limit, not read to its end', async (t) => {
  const subject = await start(t)
  const before = subject.memory()
  for (const line of ['X: ', 'GET /']) {
    const socket = connect(subject.port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.on('error', () => undefined)
    let answer = ''
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
    // Not by `once`, for which a reset would be a failure.
    const closed = new Promise((resolve) => socket.on('close', resolve))
    if (line === 'X: ') socket.write('GET /text HTTP/1.1\r\nHost: a\r\n')
    socket.write(line + 'y'.repeat(limits.headBytes))
    await closed
    assert.match(answer, /^(?:HTTP\/1\.1 4(?:00|14|31) [^]*)?$/)
  }
  assert(subject.memory() - before < limits.growthBytes)
  await servesOthers(t, subject)
})

test('thousands of fields are refused', async (t) => {
  const subject = await start(t, 'large_client_header_buffers 64 64k;')
  const head = `GET /text HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(20_000)}\r\n`
  const { statuses, closed } = await dialogue(t, subject.port, head)
  assert.deepEqual(statuses, [400])
  assert(closed)
  await servesOthers(t, subject)
})

test('connections that are reset in every state', async (t) => {
  const subject = await start(t)
  const before = subject.memory()
  const states = [
    '',
    'GET',
    'GET /text HTTP/1.1\r\nHost',
    good,
    good.repeat(50),
    'POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc',
  ]
  for (let i = 0; i < 2_000; i++) {
    const socket = connect(subject.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(states[i % states.length]!, () => socket.resetAndDestroy())
  }
  await servesOthers(t, subject)
  assert(subject.memory() - before < limits.growthBytes)
})
