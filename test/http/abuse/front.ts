/**
 * The engine in front of a strict backend, and the one invariant of everything that is sent through it:
 *
 * ```text
 *   bytes ──▶ strict reader ──▶ requests A, B, C …      what reaches the backend is some of these, in this
 *     └─────▶ engine ──▶ backend: A, C                  order, each well-formed, and nothing else
 * ```
 */
import assert from 'node:assert/strict'
import {
  MalformedMessage,
  type Message,
  readResponse,
  statusOf,
} from '../../support/http-messages.ts'
import { freePort } from '../../support/ports.ts'
import type { Owner } from '../../support/scope.ts'
import { connectTcp, type TcpClient } from '../../support/tcp.ts'
import { type HttpRunner, startHttp } from '../support.ts'
import {
  type Readings,
  readingOf,
  readStrictly,
  type StrictBackend,
  startStrictBackend,
} from './strict-backend.ts'

/** Ends a hanging test; measures nothing. */
const deadlineMs = 8_000

/** Fields that speak of one connection and must not be passed on (RFC 9110 §7.6.1). */
const ofOneHop = ['keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'proxy-connection']

export interface Front {
  readonly engine: HttpRunner
  readonly backend: StrictBackend
  readonly port: number
}

/** Starts the engine with one location for all that passes on over kept connections. */
export async function startFront(owner: Owner, server = ''): Promise<Front> {
  const backend = await startStrictBackend(owner)
  const port = await freePort()
  const conf = `access_log off;
    upstream backend { server 127.0.0.1:${backend.port}; keepalive 8; }
    server {
      listen 127.0.0.1:${port};
      client_header_timeout 20s;
      ${server}
      location / {
        proxy_pass http://backend;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
      }
    }`
  return { engine: await startHttp(owner, conf), backend, port }
}

export interface Passage {
  /** Statuses of the final answers. */
  readonly statuses: readonly number[]
  readonly closed: boolean
  /** Requests that reached the backend. */
  readonly forwarded: readonly Message[]
}

/** Sends bytes through the front, piece by piece, and checks the invariant. */
export async function passThrough(
  owner: Owner,
  { port, backend }: Front,
  pieces: readonly Buffer[],
): Promise<Passage> {
  const readings = readStrictly(Buffer.concat(pieces))
  const before = backend.seen.length
  const client = await connectTcp(owner, { port, host: '127.0.0.1' })
  try {
    for (const piece of pieces) await client.send(piece).catch(() => undefined)
    const methods = readings.requests.map(({ method }) => method)
    const statuses = await readAnswers(client, methods, readings.rest)
    const passage = {
      statuses,
      closed: client.ending !== undefined,
      forwarded: backend.seen.slice(before),
    }
    checkForwarded(passage.forwarded, readings.requests)
    assert.deepEqual(backend.findings, [])
    return passage
  } finally {
    client.close()
  }
}

/** Answers to all requests of a strict reading, and to what is malformed behind them. */
async function readAnswers(
  client: TcpClient,
  methods: readonly string[],
  rest: Readings['rest'],
): Promise<number[]> {
  const statuses: number[] = []
  // Behind what is malformed the connection must end.
  const wanted = rest === 'malformed' ? Infinity : methods.length
  const giveUpAt = performance.now() + deadlineMs
  while (statuses.length < wanted) {
    const ended = client.ending !== undefined
    const answer = readResponse(client.pending, {
      method: methods[statuses.length] ?? 'GET',
      ended,
    })
    if (answer !== undefined) {
      await client.read(answer.bytes)
      if (statusOf(answer) >= 200) statuses.push(statusOf(answer))
      continue
    }
    if (ended) break
    if (performance.now() > giveUpAt) throw new Error(`no answer: ${String(client.pending)}`)
    await client.change(giveUpAt - performance.now())
  }
  // What is not whole may be seen to be wrong already.
  const early = rest === 'incomplete' && client.pending.toString('latin1').startsWith('HTTP/1.1 4')
  if (client.pending.length > 0 && !early)
    throw new MalformedMessage('bytes too many', client.pending)
  return statuses
}

/** Each forwarded request is one of the readings, in their order, without what concerns one hop. */
function checkForwarded(
  forwarded: readonly Message[],
  readings: readonly ReturnType<typeof readingOf>[],
): void {
  let at = 0
  for (const request of forwarded) {
    const { method, target, body } = readingOf(request)
    const path = (text: string): string => text.replace(/^https?:\/\/[^/?]*\/?/i, '/')
    const found = readings.findIndex(
      (one, i) =>
        i >= at && one.method === method && path(one.target) === target && one.body === body,
    )
    assert(found >= 0, `forwarded, but never sent: ${JSON.stringify({ method, target, body })}`)
    at = found + 1
    const names = request.fields.map(([name]) => name.toLowerCase())
    const framing = request.framing === 'chunked' ? ['transfer-encoding'] : []
    for (const name of ofOneHop) {
      if (!framing.includes(name)) assert(!names.includes(name), `${name} was passed on`)
    }
  }
}
