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
import { formatHost } from '../net/address.ts'
import type { SocketHandler, Socket } from '../net/socket.ts'
import type { Carrier, HttpProtocol } from './carrier.ts'
import { ClientConnection, type ConnectionStart, waits } from './client-connection.ts'
import { discardedBodyBytesMax, pipelinedPerTurnMax } from './limits.ts'
import { Linger } from './linger.ts'
import type { OutputOwner } from './output.ts'
import { again, done } from './parser.ts'
import type { Request } from './request.ts'
import { abandonHead, refuseRequest, startRequest } from './request-start.ts'
import { renderInterim, renderTrailers, writeHead } from './writer.ts'

const modes = { idle: 0, head: 1, busy: 2, discard: 3, flush: 4, taken: 5, closed: 6 } as const

const nothing = Buffer.alloc(0)
const continueText = 'HTTP/1.1 100 Continue\r\n\r\n'

export class HttpConnection
  extends ClientConnection
  implements Carrier, SocketHandler, OutputOwner
{
  request: Request | undefined = undefined
  blocked: boolean = false
  #mode: number = modes.idle
  /** Bytes that nobody can take yet; the socket is paused while there are any. */
  #pending: Buffer | undefined = undefined
  #corked: number = 0
  #consuming: boolean = false
  #clientEnded: boolean = false
  #requestsThisTurn: number = 0
  /** True while bytes are looked at that came with an earlier request. */
  #continues: boolean = false
  /** True when the present request came in the same bytes as the one before. */
  #pipelined: boolean = false

  constructor(start: ConnectionStart) {
    super(start)
    this.socket.handler = this
  }

  /** Begins to wait for the first request. */
  start(): void {
    this.wait(waits.head, this.server.core.client_header_timeout)
  }

  get protocol(): HttpProtocol {
    return this.request?.head.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1'
  }

  get pipelined(): boolean {
    return this.#pipelined
  }

  /** True when more can be written now. */
  get writable(): boolean {
    return !this.blocked
  }

  onConnect(): void {}

  onData(_socket: Socket, chunk: Buffer): void {
    this.#requestsThisTurn = 0
    this.#consume(chunk, 0)
  }

  /** The client has sent all it will: what it asked for is still answered, as far as it can be. */
  onEnd(): void {
    this.#clientEnded = true
    this.closing = true
    if (this.#mode === modes.busy) this.#clientGone()
    else if (this.#mode === modes.head) {
      abandonHead(this.request!)
      this.#close()
    } else if (this.#mode < modes.flush) {
      if (this.#mode === modes.idle && this.requests > 0) this.#logIdleEnd()
      this.#close()
    }
  }

  #logIdleEnd(): void {
    const { errorLog } = this.server
    if (!errorLog.takes('info')) return
    const client = formatHost(this.remote)
    errorLog.write('info', `client ${client} closed keepalive connection`, this.number)
  }

  #clientGone(): void {
    const { request } = this
    if (request === undefined) return
    if (request.body.reading) {
      request.response.status = 400
      request.logError('client prematurely closed connection', 'info')
      this.#close()
      return
    }
    if (!request.body.complete) request.body.fail(400)
    request.producer?.onClientEnd()
  }

  onDrain(): void {
    this.blocked = false
    this.stopWaiting(waits.send)
    if (this.#mode === modes.flush) this.#afterFlush()
    else if (this.#mode === modes.idle) this.#nextTurn()
    else if (this.request !== undefined) {
      this.cork()
      this.request.onWritable()
      this.uncork()
    }
  }

  onClose(): void {
    this.#closed()
  }

  protected override onSilence(): void {
    const isLate = this.waitsFor !== waits.next
    if (isLate && this.request !== undefined) {
      this.request.response.status = 408
      this.request.head.closeLine()
    }
    const reset = isLate && this.server.core.reset_timedout_connection
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
    if (this.#mode === modes.busy && this.blocked) this.#waitForClient()
  }

  sendHead(request: Request): void {
    request.bytesSent += writeHead(request, this.engine.output, this)
    if (this.#corked === 0) this.engine.output.flush()
  }

  sendInterim(
    { head }: Request,
    status: number,
    names: readonly string[],
    values: readonly string[],
  ): void {
    // RFC 9110 §15.2: HTTP/1.0 knows no interim responses.
    if (head.minor === 0) return
    this.#sendText(renderInterim(status, names, values))
  }

  sendBody(request: Request, bytes: Buffer, from: number, to: number): void {
    const { output } = this.engine
    const { chunked } = request.response
    if (chunked) request.bytesSent += output.text(this, `${(to - from).toString(16)}\r\n`)
    request.bytesSent += to - from
    output.bytes(this, bytes, from, to)
    if (chunked) request.bytesSent += output.text(this, '\r\n')
    if (this.#corked === 0) output.flush()
  }

  endBody(request: Request): void {
    if (request.response.chunked) this.#sendText(`0\r\n${renderTrailers(request)}\r\n`)
  }

  takeOver(handler: SocketHandler): Buffer | undefined {
    const early = this.#pending ?? nothing
    this.engine.output.flush()
    this.#pending = undefined
    this.#mode = modes.taken
    this.endWaits()
    this.socket.handler = handler
    return early
  }

  #sendText(text: string): void {
    this.request!.bytesSent += this.engine.output.text(this, text)
    if (this.#corked === 0) this.engine.output.flush()
  }

  /** A handler wants the body of the request. */
  wantBody(): void {
    const { request } = this
    if (this.#mode !== modes.busy || request === undefined) return
    const { framing, body } = request
    if (framing.expectContinue && body.received === 0 && this.#pending === undefined) {
      this.engine.output.text(this, continueText)
      if (this.#corked === 0) this.engine.output.flush()
    }
    this.wait(waits.body, request.location.core.client_body_timeout)
    if (!this.#consuming) this.#resume()
  }

  pauseBody(): void {
    this.stopWaiting(waits.body)
    this.socket.pause()
  }

  /** The response is complete, or as complete as it will be. */
  onResponseEnd(): void {
    const request = this.request!
    if (!request.body.complete) this.#discardBody(request)
    else this.#endRequest(request)
  }

  /** Nothing can be said any more: the connection is cut. */
  abort(): void {
    this.#close()
  }

  /** The engine ends: what is under way is finished, nothing new is begun. */
  drain(): void {
    this.closing = true
    if (this.#mode !== modes.idle) return
    const { keepalive_min_timeout: atLeastMs } = this.server.core
    if (this.requests > 0 && atLeastMs > 0) this.wait(waits.next, atLeastMs)
    else this.#close()
  }

  #consume(chunk: Buffer, from: number): void {
    this.cork()
    this.#consuming = true
    let at = from
    while (at < chunk.length) {
      const before = at
      at = this.#take(chunk, at)
      if (at !== before) continue
      if (this.#mode !== modes.closed) this.#keep(chunk, at)
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
        return this.#beginRequest(at > 0 || this.#continues) ? this.#takeHead(chunk, at) : at
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

  #beginRequest(follows: boolean): boolean {
    this.#requestsThisTurn += 1
    if (this.#requestsThisTurn > pipelinedPerTurnMax || this.blocked) return false
    this.#mode = modes.head
    this.#pipelined = follows
    this.request = this.engine.takeRequest(this, this, this.server)
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
    this.waitsFor = waits.nothing
    this.requests += 1
    if (outcome === done) startRequest(request)
    else refuseRequest(request, outcome, parser.problem)
    // What follows the head in the chunk is the body's, or the next request's.
    return outcome === done ? at + head.end - before : chunk.length
  }

  #takeBody(chunk: Buffer, at: number): number {
    const request = this.request!
    const next = request.body.take(chunk, at)
    if (this.request !== request || this.#mode >= modes.flush) return next
    if (this.#mode === modes.discard) this.#afterDiscarded(request)
    else if (request.body.flowing) {
      this.wait(waits.body, request.location.core.client_body_timeout)
    } else this.stopWaiting(waits.body)
    return next
  }

  #afterDiscarded(request: Request): void {
    const { body } = request
    if (body.complete) this.#endRequest(request)
    else if (body.failed || body.received > discardedBodyBytesMax) this.#endWithoutBody(request)
  }

  #keep(chunk: Buffer, at: number): void {
    // A copy: the chunk's memory is used again for the next read of any socket.
    this.#pending = Buffer.from(chunk.subarray(at))
    this.socket.pause()
  }

  /** Takes up what was kept, then lets the socket go on. */
  #resume(): void {
    const pending = this.#pending
    this.#pending = undefined
    this.#continues = true
    if (pending !== undefined) this.#consume(pending, 0)
    this.#continues = false
    if (this.#pending === undefined && this.#mode !== modes.closed) this.socket.resume()
  }

  #afterTurn(): void {
    const { core } = this.server
    if (this.#mode === modes.head) {
      if (this.waitsFor !== waits.head) this.wait(waits.head, core.client_header_timeout)
    } else if (this.#mode === modes.idle) {
      if (this.blocked) this.#waitForClient()
      // Too many pipelined requests for one turn: other connections have theirs first.
      else if (this.#pending !== undefined) setImmediate(() => this.#nextTurn())
      else if (this.requests > 0) this.wait(waits.next, core.keepalive_timeout.ms)
    }
  }

  #nextTurn(): void {
    this.#requestsThisTurn = 0
    if (this.#mode === modes.idle) this.#resume()
    this.#afterTurn()
  }

  #discardBody(request: Request): void {
    const { body } = request
    if (body.failed || !request.keepAlive) {
      this.#endWithoutBody(request)
      return
    }
    body.discard()
    this.#mode = modes.discard
    this.wait(waits.body, request.location.core.lingering_timeout)
    if (!this.#consuming) this.#resume()
  }

  #endWithoutBody(request: Request): void {
    request.keepAlive = false
    this.#endRequest(request)
  }

  /**
   * The request is over once the kernel has taken the response. Within a turn the response waits for those
   * of the requests behind it; the next request is not begun if the kernel does not take them all.
   */
  #endRequest(request: Request): void {
    const last = !request.keepAlive || this.closing || this.#clientEnded
    if (!this.#consuming || last) this.engine.output.flush()
    if (this.blocked && (!this.#consuming || last)) {
      this.#mode = modes.flush
      this.#waitForClient()
    } else this.#afterFlush()
  }

  #afterFlush(): void {
    const request = this.request!
    const last = !request.keepAlive || this.closing || this.#clientEnded
    const unread = !request.body.complete
    request.log()
    this.server = request.server
    this.#release()
    if (last) {
      this.#closeGently(unread)
      return
    }
    this.#mode = modes.idle
    if (!this.#consuming) this.#nextTurn()
  }

  #closeGently(unread: boolean): void {
    const { core } = this.server
    const lingers = core.lingering_close === 'always' || (core.lingering_close === 'on' && unread)
    // Node's own streams have not sent yet what they took; destroying them would lose it.
    if (this.socket.queued === 0 && (this.#clientEnded || !lingers)) {
      this.#close()
      return
    }
    this.#closed()
    new Linger(this.engine.services.timers, this.socket, core).start()
  }

  #close(): void {
    this.socket.destroy()
    this.#closed()
  }

  #closed(): void {
    if (this.#mode === modes.closed) return
    this.#mode = modes.closed
    this.endWaits()
    this.#pending = undefined
    if (this.request !== undefined) this.#abandon(this.request)
    this.engine.forget(this)
  }

  /** The request cannot be answered any more. */
  #abandon(request: Request): void {
    request.abandon()
    if (request.head.lineEnd > 0) request.log()
    this.#release()
  }

  #release(): void {
    const request = this.request!
    this.request = undefined
    this.engine.giveRequest(request)
  }

  #waitForClient(): void {
    this.wait(waits.send, (this.request?.location.core ?? this.server.core).send_timeout)
  }
}
