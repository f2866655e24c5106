/**
 * HTTP/1.1 loads: a backend that answers all requests alike, and clients that check what comes.
 *
 * ```text
 *   client ──GET──▶ proxy ──GET──▶ backend        keep-alive on both sides; a client asks again
 *   client ◀─200──  proxy ◀─200──  backend        when the whole of the last answer has come
 * ```
 */
import type { LoadJob } from './job.ts'
import type { Meter } from './meter.ts'
import { broken, ResponseMeter, whole } from './response-meter.ts'
import {
  closeSocket,
  connectTcp,
  eventIn,
  eventOut,
  type Poller,
  receive,
  resetSocket,
  transmit,
} from './sockets.ts'
import { end, serve } from './tcp.ts'

const readBytes = 262_144
/** Idle connections opened at once: fewer than any listener's backlog. */
const openingMax = 64
/** As many as fit into some seconds of a listener that is closed. */
const reopenAttemptsMax = 10_000
const closeLine = Buffer.from('\r\nConnection: close')
const cr = 0x0d
const lf = 0x0a

const buffer = Buffer.alloc(readBytes)

/** What clients send: one request, or one for each of many hosts. */
export function requestsOf({ path = '/', hosts = 0, close = false }: LoadJob): readonly Buffer[] {
  const request = (host: string): Buffer =>
    Buffer.from(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: bench\r\nAccept: */*\r\n` +
        `${close ? 'Connection: close\r\n' : ''}\r\n`,
    )
  if (hosts === 0) return [request('bench.test')]
  return Array.from({ length: hosts }, (_, i) => request(`s${i}.test`))
}

/** Answers each request with the same body. */
export function serveHttp(poller: Poller, port: number, bodyBytes: number): void {
  const response = Buffer.concat([
    Buffer.from(
      `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Powered-By: bench\r\n` +
        `Content-Length: ${bodyBytes}\r\n\r\n`,
    ),
    Buffer.alloc(bodyBytes, 'x'),
  ])
  serve(poller, port, (fd) => new Answerer(poller, fd, response))
}

/** One connection of the backend. */
class Answerer {
  readonly #poller: Poller
  readonly #fd: number
  readonly #response: Buffer
  /** Bytes of CR LF CR LF that the last chunk ended with. */
  #matched = 0
  /** Responses to send, and bytes of the first that are sent. */
  #owed = 0
  #sent = 0
  /** The socket took less than it was given. */
  #full = false

  constructor(poller: Poller, fd: number, response: Buffer) {
    this.#poller = poller
    this.#fd = fd
    this.#response = response
  }

  /** False at the end of the connection. */
  work(): boolean {
    const length = receive(this.#fd, buffer)
    if (length === 0) return false
    if (length > 0) this.#owed += this.#count(length)
    return this.#send()
  }

  /** Ends of heads in what came. */
  #count(length: number): number {
    let [matched, ends] = [this.#matched, 0]
    for (let i = 0; i < length; i++) {
      const wanted = (matched & 1) === 0 ? cr : lf
      if (buffer[i] === wanted) matched += 1
      else matched = buffer[i] === cr ? 1 : 0
      if (matched < 4) continue
      matched = 0
      ends += 1
    }
    this.#matched = matched
    return ends
  }

  #send(): boolean {
    const response = this.#response
    while (this.#owed > 0) {
      const rest = this.#sent === 0 ? response : response.subarray(this.#sent)
      const sent = transmit(this.#fd, rest, rest.length)
      if (sent > 0) this.#sent += sent
      if (this.#sent < response.length) {
        this.#wait(true)
        return true
      }
      this.#sent = 0
      this.#owed -= 1
    }
    this.#wait(false)
    return true
  }

  /** Writability is asked for only where it is waited for. */
  #wait(full: boolean): void {
    if (full === this.#full) return
    this.#full = full
    this.#poller.change(this.#fd, full ? eventIn | eventOut : eventIn)
  }
}

/** Keep-alive connections, one request in flight on each. */
export function requestAgain(poller: Poller, meter: Meter, job: LoadJob): void {
  const requests = requestsOf(job)
  for (let i = 0; i < job.connections; i++) startClient(poller, meter, job, { requests, at: i })
}

interface Turn {
  readonly requests: readonly Buffer[]
  /** Request that is next. */
  at: number
}

function startClient(poller: Poller, meter: Meter, job: LoadJob, turn: Turn): void {
  const fd = connectTcp(job.port)
  const response = new ResponseMeter(job.messageBytes)
  let beganAt = performance.now()
  poller.add(fd, eventIn, () => {
    const length = receive(fd, buffer)
    const state = length > 0 ? response.feed(buffer, length) : broken
    if (state === broken) {
      meter.error()
      end(poller, fd)
      if (job.reopen === true) reopen(poller, meter, job, turn)
    } else if (state === whole) {
      const now = performance.now()
      meter.request(beganAt, now, job.messageBytes)
      beganAt = now
      if (job.reopen === true && saysClose(length)) {
        end(poller, fd)
        reopen(poller, meter, job, turn)
      } else send(fd, turn, job.connections)
    }
  })
  send(fd, turn, job.connections)
}

/** Connects again; a peer that does not take connections for a moment is asked until it does. */
function reopen(poller: Poller, meter: Meter, job: LoadJob, turn: Turn): void {
  for (let attempt = 1; attempt <= reopenAttemptsMax; attempt++) {
    try {
      startClient(poller, meter, job, turn)
      return
    } catch {
      meter.error()
    }
  }
}

/** The answer was the last of its connection; answers of these loads come in one piece. */
function saysClose(length: number): boolean {
  const at = buffer.indexOf(closeLine)
  return at >= 0 && at < length
}

function send(fd: number, turn: Turn, step: number): void {
  const request = turn.requests[turn.at % turn.requests.length]!
  turn.at += step
  transmit(fd, request, request.length)
}

/** Connects, asks once and closes, over and over. */
export function connectAndRequest(poller: Poller, meter: Meter, job: LoadJob): void {
  const requests = requestsOf({ ...job, close: true })
  for (let i = 0; i < job.connections; i++) startOnce(poller, meter, job, requests[0]!)
}

function startOnce(poller: Poller, meter: Meter, job: LoadJob, request: Buffer): void {
  const beganAt = performance.now()
  const fd = connectTcp(job.port)
  const response = new ResponseMeter(job.messageBytes)
  poller.add(fd, eventIn, () => {
    const length = receive(fd, buffer)
    const state = length > 0 ? response.feed(buffer, length) : broken
    if (state === whole) meter.request(beganAt, performance.now(), job.messageBytes)
    else if (state === broken) meter.error()
    else return
    poller.forget(fd)
    // A port in TIME_WAIT for each connection would use them all up within seconds.
    resetSocket(fd)
    startOnce(poller, meter, job, request)
  })
  transmit(fd, request, request.length)
}

/** Opens connections, a few at a time, proves each by one request, and holds them. */
export function holdHttp(poller: Poller, meter: Meter, job: LoadJob, held: () => void): void {
  const [request] = requestsOf(job)
  let open = 0
  let started = 0
  const startNext = (): void => {
    if (started === job.connections) return
    started++
    const fd = connectTcp(job.port)
    const response = new ResponseMeter(job.messageBytes)
    poller.add(fd, eventIn, () => {
      const length = receive(fd, buffer)
      const state = length > 0 ? response.feed(buffer, length) : broken
      if (state === broken) {
        meter.error()
        poller.forget(fd)
        closeSocket(fd)
      } else if (state === whole) {
        open++
        if (open === job.connections) held()
        else startNext()
      }
    })
    transmit(fd, request!, request!.length)
  }
  if (job.connections === 0) held()
  for (let i = 0; i < openingMax; i++) startNext()
}
