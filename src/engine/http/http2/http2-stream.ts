/**
 * One stream of a client's HTTP/2 connection: what its request is answered through.
 *
 * ```text
 *   HEADERS ──▶ open ──▶ END_STREAM came ─┐
 *                 │                       ├──▶ both: the request is logged, the object is used again
 *                 └──▶ END_STREAM sent ───┘
 *              RST_STREAM of either side ends it at any time
 * ```
 *
 * Bytes of the response go out as far as the windows of stream and connection let them; the rest waits here,
 * and its producer with it. Bytes of a request's body that nobody has asked for wait here too: no more than
 * the window that the client was given.
 */
import { Timer, type TimerOwner } from '../../net/timing-wheel.ts'
import type { Carrier } from '../carrier.ts'
import { httpHttp2 } from '../modules/http2.ts'
import type { Request } from '../request.ts'
import { statuses } from '../status.ts'
import { errorCodes } from './error-codes.ts'
import { writtenFrameBytesMax } from './frame-output.ts'
import { flags } from './frames.ts'
import type { Http2Connection } from './http2-connection.ts'
import { bodyWindowBytes, windowBytesMax } from './limits.ts'
import { SendQueue } from './send-queue.ts'

/** What the timer is for. */
const waits = { nothing: 0, body: 1, send: 2 } as const
const waitTexts = ['', 'reading client request body', 'sending to client']

export class Http2Stream implements Carrier, TimerOwner {
  readonly protocol = 'HTTP/2.0'
  id: number = 0
  request: Request | undefined = undefined
  /** Why the stream is reset when its request was no good one; 0 for none. */
  fault: number = errorCodes.noError
  readonly #connection: Http2Connection
  readonly #timer: Timer
  #waits: number = waits.nothing
  /** Bytes that may still be sent; below 0 after the client has made its windows smaller. */
  #sendWindow = 0
  /** Bytes that the client may still send. */
  #receiveWindow = 0
  #windowTarget = 0
  readonly #queue = new SendQueue()
  /** Waits for a window or for the socket. */
  #awaiting = false
  #endQueued = false
  /** END_STREAM was sent. */
  #ended = false
  /** END_STREAM came. */
  #clientEnded = false
  #responded = false
  /** Body that came before anybody asked for it. */
  readonly #early: Buffer[] = []
  #bodyBytes = 0

  constructor(connection: Http2Connection) {
    this.#connection = connection
    this.#timer = new Timer(this)
  }

  /** Makes it a new stream. */
  open(id: number, request: Request, clientEnded: boolean): void {
    const { peer, conf } = this.#connection
    this.id = id
    this.request = request
    this.fault = errorCodes.noError
    this.#sendWindow = peer.initialWindow
    this.#receiveWindow = conf.http2_body_preread_size
    this.#windowTarget = conf.http2_body_preread_size
    this.#endQueued = false
    this.#ended = false
    this.#clientEnded = clientEnded
    this.#responded = false
    this.#bodyBytes = 0
  }

  /** True when more can be written now. */
  get writable(): boolean {
    return this.#queue.length === 0 && this.#sendWindow > 0 && this.#connection.mayPush
  }

  /** True while END_STREAM has not come: frames of a body, or trailers, are welcome. */
  get receiving(): boolean {
    return !this.#clientEnded
  }

  cork(): void {
    this.#connection.cork()
  }

  uncork(): void {
    this.#connection.uncork()
  }

  sendHead(request: Request): void {
    const ends = request.response.headOnly
    request.bytesSent += this.#connection.sendHead(this.id, request, ends ? flags.endStream : 0)
    if (ends) this.#ended = true
  }

  sendInterim(
    request: Request,
    status: number,
    names: readonly string[],
    values: readonly string[],
  ): void {
    request.bytesSent += this.#connection.sendInterim(this.id, status, names, values)
  }

  sendBody(_request: Request, bytes: Buffer, from: number, to: number): void {
    const sent = this.#queue.length === 0 ? this.#push(bytes, from, to) : from
    if (sent < to) this.#queue.append(bytes, sent, to)
    if (!this.#awaiting && !this.writable) this.#await()
  }

  endBody(): void {
    if (this.#queue.length > 0) this.#endQueued = true
    else this.#sendEnd()
  }

  onResponseEnd(): void {
    this.#responded = true
    if (this.#ended) this.#finish()
  }

  takeOver(): undefined {}

  /** Sends what the windows and the socket take now; returns how far that went. */
  #push(bytes: Buffer, from: number, to: number): number {
    const connection = this.#connection
    const request = this.request!
    const chunkBytes = chunkBytesOf(request)
    let at = from
    while (at < to && connection.mayPush && this.#sendWindow > 0) {
      const most = Math.min(chunkBytes, this.#sendWindow, connection.sendWindow)
      const end = Math.min(at + most, to)
      request.bytesSent += connection.sendData(this.id, bytes, at, end)
      this.#sendWindow -= end - at
      at = end
    }
    return at
  }

  #sendEnd(): void {
    const request = this.request!
    const { trailerNames, trailerValues } = request.response
    const connection = this.#connection
    this.#ended = true
    if (this.#awaiting) this.#stopAwaiting()
    if (trailerNames.length === 0) connection.sendEnd(this.id)
    else {
      request.bytesSent += connection.sendTrailers(this.id, trailerNames, trailerValues)
    }
  }

  #await(): void {
    this.#awaiting = true
    this.#connection.streams.await(this)
    this.#wait(waits.send, this.request!.location.core.send_timeout)
  }

  #stopAwaiting(): void {
    this.#awaiting = false
    this.#connection.streams.stopAwaiting(this)
    this.#stopWaiting(waits.send)
  }

  /** There may be room: sends one piece of what waits, so that other streams have theirs. */
  pump(): void {
    const queue = this.#queue
    if (queue.length > 0) {
      const { piece, from } = queue
      const end = Math.min(from + chunkBytesOf(this.request!), piece.length)
      const sent = this.#push(piece, from, end) - from
      if (sent === 0) return
      queue.advance(sent)
      this.#wait(waits.send, this.request!.location.core.send_timeout)
    }
    if (queue.length > 0) return
    if (this.#endQueued) {
      this.#sendEnd()
      if (this.#responded) this.#finish()
    } else if (this.writable) {
      this.#stopAwaiting()
      this.request!.onWritable()
    }
  }

  /** True when `pump` would get on. */
  get movable(): boolean {
    return this.#sendWindow > 0
  }

  /** The client gives more room; false when that is more than there can be. */
  grow(bytes: number): boolean {
    this.#sendWindow += bytes
    return this.#sendWindow <= windowBytesMax
  }

  /** Bytes of a DATA frame, padding included, that count against the window; false when it has no room. */
  spendWindow(bytes: number): boolean {
    this.#receiveWindow -= bytes
    return this.#receiveWindow >= 0
  }

  /** A piece of the body, valid during the call; false when it is not the body that was announced. */
  onBody(bytes: Buffer): boolean {
    this.#bodyBytes += bytes.length
    const { body, framing } = this.request!
    if (framing.contentLength >= 0 && this.#bodyBytes > framing.contentLength) return false
    if (bytes.length === 0) return true
    if (body.flowing && this.#early.length === 0) this.#take(bytes)
    else if (!body.failed) this.#early.push(Buffer.from(bytes))
    return true
  }

  /** END_STREAM came; false when the body is shorter than announced. */
  onClientEnd(): boolean {
    const { body, framing } = this.request!
    this.#clientEnded = true
    if (framing.contentLength >= 0 && this.#bodyBytes !== framing.contentLength) return false
    if (body.flowing && this.#early.length === 0) this.#endBody()
    return true
  }

  #take(bytes: Buffer): void {
    const request = this.request!
    const { generation } = request
    request.body.take(bytes, 0)
    if (this.request !== request || request.generation !== generation) return
    if (request.body.flowing) this.#waitForBody(request)
    else this.#stopWaiting(waits.body)
    this.#refill()
  }

  #endBody(): void {
    this.#stopWaiting(waits.body)
    this.request!.body.finish()
  }

  /** A handler wants the body of the request: what waits is delivered, and more may come. */
  wantBody(): void {
    const request = this.request!
    const { body, framing } = request
    if (framing.expectContinue && this.#bodyBytes === 0 && !this.#clientEnded) {
      this.sendInterim(request, 100, [], [])
    }
    this.#windowTarget = Math.max(this.#windowTarget, bodyWindowBytes)
    while (body.flowing && this.#early.length > 0) {
      this.#take(this.#early.shift()!)
      if (this.request !== request) return
    }
    if (!body.flowing) return
    if (this.#clientEnded) this.#endBody()
    else {
      this.#refill()
      this.#waitForBody(request)
    }
  }

  pauseBody(): void {
    this.#stopWaiting(waits.body)
  }

  #waitForBody(request: Request): void {
    this.#wait(waits.body, request.location.core.client_body_timeout)
  }

  /** Lets the client send on, when half of its window is used and nothing waits here. */
  #refill(): void {
    const missing = this.#windowTarget - this.#receiveWindow
    if (this.#clientEnded || this.#early.length > 0 || missing * 2 < this.#windowTarget) return
    if (!this.request!.body.flowing) return
    this.#receiveWindow = this.#windowTarget
    this.#connection.sendWindowUpdate(this.id, missing)
  }

  /** The response is sent. What the client still sends is not wanted (RFC 9113 §8.1). */
  #finish(): void {
    const { fault } = this
    if (fault !== errorCodes.noError || !this.#clientEnded) {
      this.#connection.sendReset(this.id, fault)
    }
    const request = this.request!
    this.#leave()
    request.log()
    this.#connection.engine.giveRequest(request)
    this.#connection.onStreamEnd(this)
  }

  /** Nothing can be said any more: the stream is cut, its connection lives on. */
  abort(): void {
    this.reset(errorCodes.internal)
  }

  /** Ends it with a word to the client. */
  reset(code: number): void {
    if (this.request === undefined) return
    this.#connection.sendReset(this.id, code)
    this.drop()
  }

  /** The client has ended it. */
  onReset(): void {
    const { response } = this.request!
    if (!response.headSent) response.status = statuses.clientClosed
    this.drop()
  }

  /** Ends it without a word. */
  drop(): void {
    const { request } = this
    if (request === undefined) return
    // What still waits here was never sent.
    request.bodyBytesSent -= this.#queue.length
    this.#leave()
    request.abandon()
    if (request.head.methodEnd > 0) request.log()
    this.#connection.engine.giveRequest(request)
    this.#connection.onStreamEnd(this)
  }

  #leave(): void {
    this.request = undefined
    if (this.#awaiting) this.#stopAwaiting()
    this.#queue.clear()
    this.#early.length = 0
    this.#waits = waits.nothing
    if (this.#timer.running) this.#connection.engine.services.timers.cancel(this.#timer)
  }

  onTimeout(): void {
    const { request } = this
    if (request === undefined || this.#waits === waits.nothing) return
    const reads = this.#waits === waits.body
    const text = waitTexts[this.#waits]!
    request.logError(`client timed out (110: Connection timed out) while ${text}`, 'info')
    request.response.status = 408
    if (reads) request.body.fail(408)
    // Whoever read the body has ended the request with that, or there is nobody.
    if (this.request === request) this.reset(errorCodes.cancel)
  }

  #stopWaiting(what: number): void {
    if (this.#waits === what) this.#waits = waits.nothing
  }

  #wait(what: number, ms: number): void {
    const { timers } = this.#connection.engine.services
    this.#waits = what
    if (ms > 0) timers.arm(this.#timer, ms)
    else timers.cancel(this.#timer)
  }
}

/** `http2_chunk_size`, as far as frames go. */
function chunkBytesOf({ location }: Request): number {
  return Math.min(location.scope.conf(httpHttp2).http2_chunk_size, writtenFrameBytesMax)
}
