/**
 * What every connection with a client knows, whichever version of HTTP is spoken on it.
 */
import type { VariableTable } from '../core/variables.ts'
import { type Address, formatAddress, formatHost } from '../net/address.ts'
import type { ProxyHeader } from '../net/proxy-protocol.ts'
import type { Socket } from '../net/socket.ts'
import { Timer, type TimerOwner } from '../net/timing-wheel.ts'
import type { HttpEngine } from './engine.ts'
import type { HttpPart } from './part.ts'
import type { RequestHead } from './request-head.ts'
import type { Request } from './request.ts'
import type { HttpPort, HttpServer } from './server.ts'
import { refusalByTls } from './tls-requirements.ts'

export interface ConnectionStart {
  readonly engine: HttpEngine
  readonly port: HttpPort
  readonly socket: Socket
  /** True over TLS. */
  readonly secure: boolean
  readonly proxy: ProxyHeader | undefined
  /** The server that the handshake was for; without TLS, the port's default. */
  readonly server?: HttpServer
}

/** What a connection waits for its client to do; `answer` is that to our own question. */
export const waits = {
  nothing: 0,
  head: 1,
  body: 2,
  send: 3,
  next: 4,
  answer: 5,
  /** Not for anything any more: the connection has ended, or is somebody else's. */
  over: 6,
} as const

/** What a client is too slow in, as the log says it; empty for what it may leave undone. */
const slownesses = [
  '',
  'reading client request headers',
  'reading client request body',
  'sending to client',
  '',
  '',
]

export abstract class ClientConnection implements TimerOwner {
  readonly engine: HttpEngine
  readonly port: HttpPort
  readonly socket: Socket
  readonly number: number
  readonly secure: boolean
  /** Who has connected: the client, or a proxy before it. */
  readonly remote: Address
  /** Header of the PROXY protocol, where the port takes one. */
  readonly proxy: ProxyHeader | undefined
  /** Requests that were begun here. */
  requests: number = 0
  /** True when no further request is taken. */
  closing: boolean = false
  /** The server that the last request was for. */
  protected server: HttpServer
  #lastHost = ''
  /** What the last host was found to mean. */
  #selectedIn: HttpPart | undefined = undefined
  #selectedFor = ''
  #selected: HttpServer | undefined = undefined
  readonly #handshakeServer: HttpServer | undefined
  /** When it was accepted: milliseconds, wall clock. */
  readonly openedAt: number = Date.now()
  /** One of `waits`: what the timer is for; one that was armed for something else is not asked to stop. */
  protected waitsFor: number = waits.nothing
  readonly #timer: Timer = new Timer(this)

  constructor({ engine, port, socket, secure, proxy, server }: ConnectionStart) {
    this.engine = engine
    this.port = port
    this.socket = socket
    this.number = engine.services.nextConnection()
    this.secure = secure
    this.remote = socket.remote
    this.proxy = proxy
    this.server = server ?? port.fallback!
    this.#handshakeServer = secure ? this.server : undefined
  }

  /** Begins to wait for the first request. */
  abstract start(): void

  /** Bytes that came, or were read before HTTP began. */
  abstract onData(socket: Socket, chunk: Buffer): void

  /** The engine ends: what is under way is finished, nothing new is begun. */
  abstract drain(): void

  /** Cuts the connection and all that is under way on it. */
  abstract abort(): void

  /** What is waited for has not come in time. */
  protected abstract onSilence(): void

  /** True when the present request came in the same bytes as the one before. */
  abstract get pipelined(): boolean

  get variables(): VariableTable<Request> {
    return this.engine.part!.variables
  }

  /** Milliseconds since it was accepted, for `$connection_time`. */
  get ageMs(): number {
    return Date.now() - this.openedAt
  }

  /** False when this request must be the last. */
  get mayKeepAlive(): boolean {
    return !this.closing && this.requests < this.server.core.keepalive_requests
  }

  /** The host that a request names, in lower case; nearly always that of the request before. */
  hostOf(head: RequestHead, start: number, end: number): string {
    const { bytes } = head
    const last = this.#lastHost
    if (end - start === last.length) {
      let i = 0
      while (i < last.length && bytes[start + i] === last.charCodeAt(i)) i++
      if (i === last.length) return last
    }
    this.#lastHost = head.text(start, end).toLowerCase()
    return this.#lastHost
  }

  /** The server that a host means on this port, in the snapshot in force. */
  serverFor(host: string, request: Request): HttpServer {
    const { part } = this.engine
    // Expressions leave their groups in each request.
    if (part === this.#selectedIn && host === this.#selectedFor && this.#selected !== undefined) {
      this.server = this.#selected
      return this.server
    }
    this.server = this.engine.selectServer(this.port.key, this.socket, host, request)
    this.#selectedIn = part
    this.#selectedFor = host
    this.#selected = this.server.expressions.size === 0 ? this.server : undefined
    return this.server
  }

  /** 0, or the status with which TLS has it that a request is refused. */
  checkTls(request: Request): number {
    const wanted = (this.port.traits.get('ssl') ?? 0) > 0
    if (!wanted && !this.secure) return 0
    return refusalByTls(request, { wanted, server: this.#handshakeServer })
  }

  /** Waits for one thing, and for nothing else any more; 0: for as long as it takes. */
  protected wait(what: number, ms: number): void {
    if (this.waitsFor === waits.over) return
    const { timers } = this.engine.services
    this.waitsFor = what
    if (ms > 0) timers.arm(this.#timer, ms)
    else timers.cancel(this.#timer)
  }

  protected stopWaiting(what: number): void {
    if (this.waitsFor === what) this.waitsFor = waits.nothing
  }

  protected endWaits(): void {
    this.waitsFor = waits.over
    this.engine.services.timers.cancel(this.#timer)
  }

  onTimeout(): void {
    if (this.waitsFor === waits.nothing) return
    const slowness = slownesses[this.waitsFor]!
    if (slowness !== '') {
      const what = `client timed out (110: Connection timed out) while ${slowness}`
      this.server.errorLog.write('info', `${what}, ${this.logContext()}`, this.number)
    }
    this.onSilence()
  }

  logContext(): string {
    const { name } = this.server
    const server = name === '' ? formatAddress(this.socket.local) : name
    return `client: ${formatHost(this.remote)}, server: ${server}`
  }
}
