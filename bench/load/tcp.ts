/**
 * TCP loads: backends and clients on one poller, in one thread.
 *
 * ```text
 *   client ──message──▶ proxy ──▶ echo backend       the client sends the next message when the
 *   client ◀─message─── proxy ◀── echo backend       whole of the last one has come back
 * ```
 */
import type { LoadJob } from './job.ts'
import type { Meter } from './meter.ts'
import {
  acceptTcp,
  closeSocket,
  connectTcp,
  eventIn,
  eventOut,
  listenTcp,
  type Poller,
  receive,
  resetSocket,
  transmit,
} from './sockets.ts'

/** As much as the proxies themselves read at once, or more. */
const bulkChunkBytes = 131_072
const readBytes = 262_144
/** Idle connections opened at once: fewer than any listener's backlog. */
const openingMax = 64

const buffer = Buffer.alloc(readBytes, 'x')

/** Sends back whatever comes, on every connection. */
export function serveEcho(poller: Poller, port: number): void {
  serve(poller, port, (fd) => ({
    work: () => {
      const length = receive(fd, buffer)
      return length > 0 && transmit(fd, buffer, length) === length
    },
  }))
}

/** Sends without end on every connection. */
export function serveBulk(poller: Poller, port: number): void {
  const start = (fd: number): Served => ({ work: () => transmit(fd, buffer, bulkChunkBytes) !== 0 })
  serve(poller, port, start, eventOut)
}

/** One connection of a backend; `work` is called when it is ready, until it returns false. */
interface Served {
  work(): boolean
}

/** Accepts connections and lets each work. */
export function serve(
  poller: Poller,
  port: number,
  start: (fd: number) => Served,
  events: number = eventIn,
): void {
  const listener = listenTcp(port)
  poller.add(listener, eventIn, () => {
    for (let fd = acceptTcp(listener); fd >= 0; fd = acceptTcp(listener)) {
      const client = fd
      const served = start(client)
      poller.add(client, events, (ready) => {
        const broken = (ready & ~(eventIn | eventOut)) !== 0 && (ready & eventIn) === 0
        if (broken || !served.work()) end(poller, client)
      })
    }
  })
}

export function end(poller: Poller, fd: number): void {
  poller.forget(fd)
  closeSocket(fd)
}

/** Keep-alive connections, one message in flight on each. */
export function pingPong(poller: Poller, meter: Meter, job: LoadJob): void {
  for (let i = 0; i < job.connections; i++) startPingPong(poller, meter, job)
}

function startPingPong(poller: Poller, meter: Meter, { port, messageBytes }: LoadJob): void {
  const fd = connectTcp(port)
  let beganAt = performance.now()
  let missing = messageBytes
  poller.add(fd, eventIn, () => {
    const length = receive(fd, buffer)
    if (length <= 0) {
      meter.error()
      end(poller, fd)
      return
    }
    missing -= length
    if (missing > 0) return
    const now = performance.now()
    meter.request(beganAt, now, messageBytes)
    beganAt = now
    missing = messageBytes
    transmit(fd, buffer, messageBytes)
  })
  transmit(fd, buffer, messageBytes)
}

/** Reads all that comes. */
export function drain(poller: Poller, meter: Meter, job: LoadJob): void {
  for (let i = 0; i < job.connections; i++) {
    const fd = connectTcp(job.port)
    poller.add(fd, eventIn, () => {
      const length = receive(fd, buffer)
      if (length > 0) meter.transferred(length)
      else {
        meter.error()
        end(poller, fd)
      }
    })
  }
}

/** Connects, sends a message, reads it back and closes, over and over. */
export function connectAgain(poller: Poller, meter: Meter, job: LoadJob): void {
  for (let i = 0; i < job.connections; i++) startConnection(poller, meter, job)
}

function startConnection(poller: Poller, meter: Meter, job: LoadJob): void {
  const beganAt = performance.now()
  const fd = connectTcp(job.port)
  let missing = job.messageBytes
  poller.add(fd, eventIn, () => {
    const length = receive(fd, buffer)
    missing -= length
    if (length > 0 && missing > 0) return
    if (length > 0) meter.request(beganAt, performance.now(), job.messageBytes)
    else meter.error()
    poller.forget(fd)
    // A port in TIME_WAIT for each connection would use them all up within seconds.
    resetSocket(fd)
    startConnection(poller, meter, job)
  })
  transmit(fd, buffer, job.messageBytes)
}

/** Opens connections, a few at a time, proves each by one message, and holds them. */
export function holdIdle(poller: Poller, meter: Meter, job: LoadJob, held: () => void): void {
  let open = 0
  let started = 0
  const startNext = (): void => {
    if (started === job.connections) return
    started++
    const fd = connectTcp(job.port)
    poller.add(fd, eventIn, () => {
      if (receive(fd, buffer) <= 0) {
        meter.error()
        end(poller, fd)
        return
      }
      open++
      if (open === job.connections) held()
      else startNext()
    })
    transmit(fd, buffer, job.messageBytes)
  }
  if (job.connections === 0) held()
  for (let i = 0; i < openingMax; i++) startNext()
}
