/**
 * A client's connection: takes requests out of its bytes, one after the other, and sends what they answer.
 *
 * ```text
 *           first byte            head complete           response handed over
 *   idle ──────────────▶ head ──────────────────▶ busy ─────────────────────────▶ idle …
 *     ▲ keepalive_timeout  client_header_timeout    │ body on demand                │
 *     │                                             │ send_timeout                  └▶ discard: rest of the body
 *     └─────────────────────────────────────────────┴─▶ lingering ─▶ closed
 * ```
 *
 * An idle connection holds no request and no buffer. Bytes that come while a request is under way
 * (pipelining, or a body nobody has asked for) are kept, one chunk at most, and the socket is paused.
 */
import type { VariableTable } from '../core/variables.ts'
import { type Address, formatAddress, formatHost } from '../net/address.ts'
import type { ProxyHeader } from '../net/proxy-protocol.ts'
import type { Socket, SocketHandler } from '../net/socket.ts'
import { SecureSocket } from '../net/tls/secure-socket.ts'
import { Timer, type TimerOwner } from '../net/timing-wheel.ts'
import type { HttpEngine } from './engine.ts'
import type { OutputOwner } from './output.ts'
import { discardedBodyBytesMax, pipelinedPerTurnMax } from './limits.ts'
import { again, done } from './parser.ts'
import type { Request } from './request.ts'
import type { CoreConf } from './modules/core.ts'
import type { HttpPort, HttpServer } from './server.ts'
import { statuses } from './status.ts'

const modes = { idle: 0, head: 1, busy: 2, discard: 3, flush: 4, lingering: 5, closed: 6 } as const

const continueText = 'HTTP/1.1 100 Continue\r\n\r\n'

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

export class HttpConnection implements SocketHandler, TimerOwner, OutputOwner {
  readonly engine: HttpEngine
  readonly port: HttpPort
  readonly socket: Socket
  readonly number: number
  readonly secure: boolean
  /** The client, as the PROXY protocol names it where there is one. */
  remote: Address
  /** Header of the PROXY protocol, where the port takes one. */
  readonly proxy: ProxyHeader | undefined
  /** Requests that were begun here. */
  requests: number
  /** True when the present request is the last one. */
  closing: boolean
  request: Request | undefined
  blocked: boolean
  readonly #timer: Timer
  #server: HttpServer
  readonly #handshakeServer: HttpServer | undefined
  #mode: number
  /** Bytes that nobody can take yet; the socket is paused while there are any. */
  #pending: Buffer | undefined
  #corked: number
  #consuming: boolean
  #clientEnded: boolean
  #requestsThisTurn: number
  #startedAt: number
  #lingerUntil: number

  constructor({ engine, port, socket, secure, proxy, server }: ConnectionStart) {
    this.engine = engine
    this.port = port
    this.socket = socket
    this.number = engine.services.nextConnection()
    this.secure = secure
    this.remote = proxy?.source ?? socket.remote
    this.proxy = proxy
    this.requests = 0
    this.closing = false
    this.request = undefined
    this.blocked = false
    this.#timer = new Timer(this)
    this.#server = server ?? port.fallback!
    this.#handshakeServer = secure ? this.#server : undefined
    this.#mode = modes.idle
    this.#pending = undefined
    this.#corked = 0
    this.#consuming = false
    this.#clientEnded = false
    this.#requestsThisTurn = 0
    this.#startedAt = Date.now()
    this.#lingerUntil = 0
    socket.handler = this
  }

  /** Begins to wait for the first request. */
  start(): void {
    this.#arm(this.#server.core.client_header_timeout)
  }

  get variables(): VariableTable<Request> {
    return this.engine.part!.variables
  }

  get idle(): boolean {
    return this.#mode === modes.idle
  }

  /** True when bytes of a further request have come already. */
  get pipelined(): boolean {
    return this.#pending !== undefined
  }

  /** Milliseconds since it was accepted, for `$connection_time`. */
  get ageMs(): number {
    return Date.now() - this.#startedAt
  }

  /** False when this request must be the last. */
  get mayKeepAlive(): boolean {
    return !this.closing && this.requests < this.#server.core.keepalive_requests
  }

  /** True when the kernel has taken all that was written. */
  get writable(): boolean {
    return !this.blocked
  }

  /** The server that a host means on this port, in the snapshot in force. */
  serverFor(host: string, request: Request): HttpServer {
    this.#server = this.engine.selectServer(this.port.key, this.socket, host, request)
    return this.#server
  }

  /** 0, or the status with which TLS has it that a request is refused. */
  checkTls(request: Request): number {
    if (!this.secure) return (this.port.traits.get('ssl') ?? 0) > 0 ? statuses.toHttps : 0
    const { tls } = request.server
    if (tls?.verifies !== true) return 0
    const served = this.#handshakeServer
    if (served !== request.server && served?.node !== request.server.node) {
      request.logError(
        'client attempted to request the server name different from the one that was negotiated',
        'info',
      )
      return 421
    }
    const facts = this.socket instanceof SecureSocket ? this.socket.facts : undefined
    const refusal = facts && tls.refusalOf(facts)
    if (refusal === undefined) return 0
    request.logError(refusal, 'info')
    return facts?.peerCertificate === undefined ? statuses.noCertificate : statuses.badCertificate
  }

  logContext(): string {
    return `client: ${formatHost(this.remote)}, server: ${formatAddress(this.socket.local)}`
  }

  onConnect(): void {}

  onData(_socket: Socket, chunk: Buffer): void {
    if (this.#mode === modes.lingering) {
      this.#linger()
      return
    }
    this.#requestsThisTurn = 0
    this.#consume(chunk, 0)
  }

  /** The client has sent all it will: what it asked for is still answered, as far as it can be. */
  onEnd(): void {
    this.#clientEnded = true
    this.closing = true
    if (this.#mode === modes.idle || this.#mode === modes.head) this.#close()
    else if (this.#mode === modes.busy) this.#clientGone()
    else if (this.#mode === modes.discard || this.#mode === modes.lingering) this.#close()
  }

  #clientGone(): void {
    const { request } = this
    if (request === undefined) return
    if (!request.body.complete) request.body.fail(400)
    request.producer?.onClientEnd()
  }

  onDrain(): void {
    this.blocked = false
    const { request } = this
    if (this.#mode === modes.flush) this.#afterFlush()
    else if (request?.producer !== undefined) {
      this.cork()
      request.producer.onWritable()
      this.uncork()
    }
  }

  onClose(): void {
    this.#closed()
  }

  onTimeout(): void {
    const { request } = this
    if (this.#mode === modes.head || this.#mode === modes.busy) {
      const what =
        this.#mode === modes.head ? 'reading client request headers' : 'sending to client'
      this.#server.errorLog.write(
        'info',
        `client timed out while ${what}, ${this.logContext()}`,
        this.number,
      )
      if (request !== undefined) request.response.status = 408
    }
    const reset = this.#mode !== modes.idle && this.#server.core.reset_timedout_connection
    this.socket.destroy(undefined, reset)
    this.#closed()
  }

  /** Holds output back until `uncork`, so that all of a turn leaves at once. May be nested. */
  cork(): void {
    this.#corked += 1
  }

  uncork(): void {
    this.#corked -= 1
    if (this.#corked > 0) return
    this.engine.output.flush()
    if (this.#mode === modes.busy && this.blocked) this.#armSend()
  }

  sendText(text: string): void {
    this.request!.bytesSent += text.length
    this.engine.output.text(this, text)
    if (this.#corked === 0) this.engine.output.flush()
  }

  sendBytes(bytes: Buffer): void {
    this.request!.bytesSent += bytes.length
    this.engine.output.bytes(this, bytes)
    if (this.#corked === 0) this.engine.output.flush()
  }

  /** A handler wants the body of the request. */
  wantBody(): void {
    const { request } = this
    if (this.#mode !== modes.busy || request === undefined) return
    if (
      request.framing.expectContinue &&
      request.body.received === 0 &&
      this.#pending === undefined
    ) {
      this.engine.output.text(this, continueText)
      if (this.#corked === 0) this.engine.output.flush()
    }
    this.#arm(request.location.core.client_body_timeout)
    if (!this.#consuming) this.#resume()
  }

  pauseBody(): void {
    this.socket.pause()
  }

  /** The response is complete, or as complete as it will be. */
  onResponseEnd(): void {
    const request = this.request!
    if (this.#corked === 0) this.engine.output.flush()
    if (!request.body.complete) this.#discardBody(request)
    else this.#endRequest()
  }

  /** Nothing can be said any more: the connection is cut. */
  abort(): void {
    this.socket.destroy()
    this.#closed()
  }

  /** The engine ends: what is under way is finished, nothing new is begun. */
  drain(): void {
    this.closing = true
    if (this.#mode === modes.idle) this.#close()
  }

  #consume(chunk: Buffer, from: number): void {
    this.cork()
    this.#consuming = true
    let at = from
    while (at < chunk.length) {
      const before = at
      at = this.#take(chunk, at)
      if (at !== before) continue
      if (this.#mode >= modes.lingering) break
      this.#keep(chunk, at)
      break
    }
    this.#consuming = false
    this.uncork()
    this.#afterTurn()
  }

  /** Gives bytes to whoever takes them now; returns how far that went. */
  #take(chunk: Buffer, at: number): number {
    switch (this.#mode) {
      case modes.idle:
        return this.#beginRequest() ? this.#takeHead(chunk, at) : at
      case modes.head:
        return this.#takeHead(chunk, at)
      case modes.busy:
        return this.request!.body.flowing ? this.#takeBody(chunk, at) : at
      case modes.discard:
        return this.#takeBody(chunk, at)
      default:
        return at
    }
  }

  #beginRequest(): boolean {
    this.#requestsThisTurn += 1
    if (this.#requestsThisTurn > pipelinedPerTurnMax || this.blocked) return false
    this.#mode = modes.head
    this.request = this.engine.takeRequest(this, this.#server)
    return true
  }

  #takeHead(chunk: Buffer, at: number): number {
    const request = this.request!
    const { head, parser } = request
    const before = head.length
    const taken = head.append(chunk, at)
    const outcome = parser.parse()
    if (outcome === again) return at + taken
    this.#mode = modes.busy
    this.requests += 1
    if (outcome === done) request.begin()
    else request.refuse(outcome, parser.problem)
    // What follows the head in the chunk is the body's, or the next request's.
    return outcome === done ? at + head.end - before : chunk.length
  }

  #takeBody(chunk: Buffer, at: number): number {
    const request = this.request!
    const next = request.body.take(chunk, at)
    if (this.request !== request || this.#mode >= modes.flush) return next
    if (this.#mode === modes.discard) this.#afterDiscarded(request)
    else if (!request.body.complete) this.#arm(request.location.core.client_body_timeout)
    return next
  }

  #afterDiscarded(request: Request): void {
    const { body } = request
    if (body.complete) this.#endRequest()
    else if (body.failed || body.received > discardedBodyBytesMax) this.#endWithoutBody()
  }

  #keep(chunk: Buffer, at: number): void {
    // A copy: the chunk's memory is used again for the next read of any socket.
    this.#pending = Buffer.from(chunk.subarray(at))
    this.socket.pause()
  }

  /** Takes up what was kept, then lets the socket go on. */
  #resume(): void {
    const pending = this.#pending
    if (pending === undefined) {
      this.socket.resume()
      return
    }
    this.#pending = undefined
    this.#consume(pending, 0)
    if (this.#pending === undefined && this.#mode < modes.lingering) this.socket.resume()
  }

  /** Too many pipelined requests for one turn: the others have theirs first. */
  #afterTurn(): void {
    if (this.#mode === modes.idle) {
      if (this.#pending !== undefined && !this.blocked) setImmediate(() => this.#nextTurn())
      else if (this.requests > 0) this.#arm(this.#server.core.keepalive_timeout.ms)
    } else if (this.#mode === modes.head && !this.#timer.running) {
      this.#arm(this.#server.core.client_header_timeout)
    }
  }

  #nextTurn(): void {
    this.#requestsThisTurn = 0
    if (this.#mode === modes.idle) this.#resume()
  }

  #discardBody(request: Request): void {
    const { body } = request
    if (body.failed || !request.keepAlive) {
      this.#endWithoutBody()
      return
    }
    body.discard()
    this.#mode = modes.discard
    this.#arm(request.location.core.lingering_timeout)
    if (!this.#consuming) this.#resume()
  }

  #endWithoutBody(): void {
    this.request!.keepAlive = false
    this.#endRequest()
  }

  /** The request is over once the kernel has taken the response. */
  #endRequest(): void {
    if (this.#corked > 0) this.engine.output.flush()
    if (this.blocked) {
      this.#mode = modes.flush
      this.#armSend()
    } else this.#afterFlush()
  }

  #afterFlush(): void {
    const request = this.request!
    const keepAlive = request.keepAlive && !this.#clientEnded
    const lingers = !request.body.complete
    request.log()
    this.#server = request.server
    this.#release()
    if (!keepAlive || this.closing) {
      this.#closeGently(lingers)
      return
    }
    this.#mode = modes.idle
    if (this.#consuming) return
    this.#arm(this.#server.core.keepalive_timeout.ms)
    this.#requestsThisTurn = 0
    this.#resume()
  }

  /**
   * Closing while the client still sends would reset the connection and could take our answer with it: FIN
   * is sent, and what comes is thrown away for a while (`lingering_close`).
   */
  #closeGently(unread: boolean): void {
    const { core } = this.#server
    const lingers = core.lingering_close === 'always' || (core.lingering_close === 'on' && unread)
    // Node's own streams have not sent yet what they took; destroying them would lose it.
    if (this.socket.queued === 0 && (this.#clientEnded || !lingers)) {
      this.#close()
      return
    }
    this.#mode = modes.lingering
    this.#pending = undefined
    this.#lingerUntil = Date.now() + core.lingering_time
    this.socket.end()
    this.socket.resume()
    this.#arm(core.lingering_timeout)
  }

  /** More came that nobody reads: it is waited on, but not for ever. */
  #linger(): void {
    if (Date.now() >= this.#lingerUntil) this.#close()
    else this.#arm(this.#server.core.lingering_timeout)
  }

  #close(): void {
    this.socket.destroy()
    this.#closed()
  }

  #closed(): void {
    if (this.#mode === modes.closed) return
    this.#mode = modes.closed
    this.engine.services.timers.cancel(this.#timer)
    this.#pending = undefined
    const { request } = this
    if (request !== undefined) {
      const { producer } = request
      request.producer = undefined
      request.finished = true
      request.body.fail(400)
      producer?.onAbort()
      if (request.head.methodEnd > 0) request.log()
      this.#release()
    }
    this.engine.forget(this)
  }

  #release(): void {
    const request = this.request!
    this.request = undefined
    this.engine.giveRequest(request)
  }

  #armSend(): void {
    this.#arm((this.request?.location.core ?? this.#server.core).send_timeout)
  }

  #arm(ms: CoreConf['send_timeout']): void {
    if (this.#mode === modes.closed) return
    const { timers } = this.engine.services
    if (ms > 0) timers.arm(this.#timer, ms)
    else timers.cancel(this.#timer)
  }
}
