/**
 * A client's HTTP/2 connection (RFC 9113): its life, its windows, and what is written on it.
 *
 * ```text
 *   preface ─▶ serving ──GOAWAY(all), PING──▶ announced ──answer──▶ GOAWAY(last) ─▶ no stream left ─▶ closed
 *                 └─ keepalive_timeout without a stream ─▶ GOAWAY(last) ─▶ closed
 * ```
 *
 * It leaves in two steps, so that no request is lost that was under way when it began to.
 *
 * While the socket does not take our bytes, nothing is read either: what a client can make us keep is what
 * one read has brought.
 */
import type { Socket, SocketHandler } from '../../net/socket.ts'
import { ClientConnection, type ConnectionStart, waits } from '../client-connection.ts'
import type { HeadLimits } from '../head-limits.ts'
import { Linger } from '../linger.ts'
import type { CoreConf } from '../modules/core.ts'
import { type Http2Conf, httpHttp2 } from '../modules/http2.ts'
import type { OutputOwner } from '../output.ts'
import type { Request } from '../request.ts'
import { errorCodes } from './error-codes.ts'
import { flags, settingIds } from './frames.ts'
import type { FrameOutput } from './frame-output.ts'
import { HeaderBlock } from './hpack-encoder.ts'
import type { Http2Stream } from './http2-stream.ts'
import { IncomingFrames } from './incoming-frames.ts'
import { goAwayAnswerMs, rememberedResets, windowBytesInitial, windowBytesMax } from './limits.ts'
import { PeerSettings } from './peer-settings.ts'
import { encodeFields, encodeHead } from './response-fields.ts'
import { StreamTable } from './stream-table.ts'

/** How far the connection has come on its way out. */
const leavings = { no: 0, announced: 1, final: 2, closed: 3 } as const

/** Encoding is synchronous: one serves all connections of the process. */
const block = new HeaderBlock()

const leavingPing = Buffer.from('leaving.', 'latin1')
/** A first GOAWAY that refuses no stream yet (RFC 9113 §6.8). */
const anyStream = 2 ** 31 - 1

export class Http2Connection extends ClientConnection implements SocketHandler, OutputOwner {
  readonly conf: Http2Conf
  readonly headLimits: HeadLimits
  readonly peer: PeerSettings = new PeerSettings()
  readonly streams: StreamTable = new StreamTable(this)
  blocked: boolean = false
  /** Bytes that may still be sent on all streams together. */
  sendWindow: number = windowBytesInitial
  readonly #core: CoreConf
  readonly #frames: FrameOutput
  readonly #incoming: IncomingFrames
  #receiveWindow = windowBytesMax
  #leaving: number = leavings.no
  #corked = 0
  /** Streams that we have reset, the oldest overwritten first: their frames may still be on their way. */
  readonly #resets: Int32Array = new Int32Array(rememberedResets)
  #resetCount = 0

  constructor(start: ConnectionStart) {
    super(start)
    this.conf = this.server.scope.conf(httpHttp2)
    this.headLimits = this.server.headLimits
    this.#core = this.server.core
    this.#frames = this.engine.frames
    this.#incoming = new IncomingFrames(this)
    this.socket.handler = this
  }

  /** Says what we take, and waits for the client's preface. */
  start(): void {
    this.wait(waits.head, this.#core.client_header_timeout)
    this.cork()
    this.#frames.settings(this, [
      [settingIds.maxConcurrentStreams, this.conf.http2_max_concurrent_streams],
      [settingIds.initialWindowSize, this.conf.http2_body_preread_size],
    ])
    // Streams have windows of their own; together they shall not wait for one another.
    this.#frames.windowUpdate(this, 0, windowBytesMax - windowBytesInitial)
    this.uncork()
  }

  now(): number {
    return this.engine.services.transport.clock.now()
  }

  get pipelined(): boolean {
    return false
  }

  /** False once the connection has ended. */
  get reading(): boolean {
    return this.#leaving !== leavings.closed
  }

  /** True when the client was told which stream was the last. */
  get leaves(): boolean {
    return this.#leaving >= leavings.final
  }

  /** True when a frame of a body can leave. */
  get mayPush(): boolean {
    return !this.blocked && this.sendWindow > 0
  }

  /** Largest header block. */
  get headBytesMax(): number {
    return this.headLimits.largeCount * this.headLimits.largeBytes
  }

  onConnect(): void {}

  onData(_socket: Socket, chunk: Buffer): void {
    this.cork()
    this.#incoming.read(chunk)
    this.uncork()
  }

  /** A client that has closed its side takes no answers any more. */
  onEnd(): void {
    this.abort()
  }

  onDrain(): void {
    this.blocked = false
    if (!this.reading) return
    this.stopWaiting(waits.send)
    this.cork()
    this.streams.pump()
    this.uncork()
    if (!this.blocked && this.reading) this.socket.resume()
  }

  onClose(): void {
    this.#closed()
  }

  protected override onSilence(): void {
    if (this.waitsFor === waits.answer || this.waitsFor === waits.next) {
      this.#leaveWith(errorCodes.noError)
      return
    }
    this.socket.destroy(undefined, this.#core.reset_timedout_connection)
    this.#closed()
  }

  /** Holds output back until `uncork`, so that all of a turn leaves at once. May be nested. */
  cork(): void {
    this.#corked += 1
  }

  uncork(): void {
    this.#corked -= 1
    if (this.#corked > 0) return
    this.#frames.flush()
    if (!this.reading) return
    if (!this.blocked) this.#afterTurn()
    else if (this.waitsFor !== waits.send) {
      this.socket.pause()
      this.wait(waits.send, this.#core.send_timeout)
    }
  }

  /** The engine ends: what is under way is finished, and so is what comes before the client knows. */
  drain(): void {
    if (this.#leaving !== leavings.no) return
    this.closing = true
    this.cork()
    this.#announce()
    this.uncork()
  }

  abort(): void {
    this.socket.destroy()
    this.#closed()
  }

  /** The client has broken the protocol: it is told how, and the connection ends. */
  fail(code: number, problem: string): void {
    if (!this.reading) return
    const { errorLog } = this.server
    if (errorLog.takes('info')) {
      errorLog.write('info', `client sent ${problem}, ${this.logContext()}`, this.number)
    }
    this.#leaveWith(code)
  }

  /** A request of one of its streams. */
  takeRequest(stream: Http2Stream): Request {
    this.requests += 1
    return this.engine.takeRequest(this, stream, this.server)
  }

  /** Bytes of a frame that count against the window of all streams; it is kept open. */
  spendWindow(bytes: number): void {
    this.#receiveWindow -= bytes
    if (this.#receiveWindow > windowBytesMax >> 1) return
    this.#frames.windowUpdate(this, 0, windowBytesMax - this.#receiveWindow)
    this.#receiveWindow = windowBytesMax
  }

  /** The client gives more room; false when that is more than there can be. */
  grow(bytes: number): boolean {
    this.sendWindow += bytes
    if (this.sendWindow > windowBytesMax) return false
    this.streams.pump()
    return true
  }

  /** Lets streams that wait go on. */
  pump(): void {
    this.streams.pump()
  }

  applySettings(bytes: Buffer, from: number, to: number): void {
    const before = this.peer.initialWindow
    const fault = this.peer.read(bytes, from, to)
    if (fault !== undefined) {
      this.fail(fault.code, `SETTINGS frame with ${fault.problem}`)
      return
    }
    const change = this.peer.initialWindow - before
    if (change !== 0 && !this.streams.grow(change)) {
      this.fail(errorCodes.flowControl, 'SETTINGS frame that makes a window too large')
      return
    }
    this.#frames.settingsAck(this)
    if (change > 0) this.streams.pump()
  }

  answerPing(opaque: Buffer): void {
    this.#frames.ping(this, opaque, flags.ack)
  }

  /** The client has all that we sent before our PING: it knows that we leave. */
  onPingAnswer(): void {
    if (this.#leaving === leavings.announced) this.#leaveWith(errorCodes.noError)
  }

  sendHead(stream: number, request: Request, frameFlags: number): number {
    this.#beginBlock()
    encodeHead(block, request)
    return this.#sendBlock(stream, frameFlags)
  }

  sendInterim(
    stream: number,
    status: number,
    names: readonly string[],
    values: readonly string[],
  ): number {
    this.#beginBlock()
    encodeFields(block, status, names, values)
    return this.#sendBlock(stream, 0)
  }

  /** Fields behind a body; they end the stream. */
  sendTrailers(stream: number, names: readonly string[], values: readonly string[]): number {
    this.#beginBlock()
    encodeFields(block, undefined, names, values)
    return this.#sendBlock(stream, flags.endStream)
  }

  #beginBlock(): void {
    block.clear()
    if (!this.peer.tableLimited) return
    block.withoutTable()
    this.peer.tableLimited = false
  }

  #sendBlock(stream: number, frameFlags: number): number {
    const bytes = this.#frames.headers(this, stream, block, frameFlags)
    this.#flushAlone()
    return bytes
  }

  /** Sends a piece of a body that the windows have room for; returns its bytes with the frame's. */
  sendData(stream: number, bytes: Buffer, from: number, to: number): number {
    this.sendWindow -= to - from
    this.#incoming.onSent(to - from)
    const sent = this.#frames.data(this, stream, bytes, from, to)
    this.#flushAlone()
    return sent
  }

  /** Ends a stream whose last frame was written. */
  sendEnd(stream: number): void {
    if (!this.#frames.endLast(this, stream)) this.#frames.end(this, stream)
    this.#flushAlone()
  }

  /** In a write, and a TLS record, of its own: some clients forget an answer that they read together with it. */
  sendReset(stream: number, code: number): void {
    if (!this.reading) return
    this.#frames.flush()
    this.#resets[this.#resetCount++ % rememberedResets] = stream
    this.#frames.rstStream(this, stream, code)
    this.#flushAlone()
  }

  sendWindowUpdate(stream: number, bytes: number): void {
    this.#frames.windowUpdate(this, stream, bytes)
    this.#flushAlone()
  }

  #flushAlone(): void {
    if (this.#corked === 0) this.#frames.flush()
  }

  wasReset(stream: number): boolean {
    return this.#resets.includes(stream)
  }

  onStreamEnd(stream: Http2Stream): void {
    this.streams.release(stream)
    if (this.#leaving === leavings.final && this.streams.size === 0) this.#finish()
    else if (this.#corked === 0) this.#afterTurn()
  }

  #afterTurn(): void {
    if (!this.reading || this.blocked) return
    if (this.#leaving === leavings.no && !this.#mayTakeMore) this.#leaveSoon()
    if (this.waitsFor === waits.answer) return
    if (this.#incoming.partial) {
      if (this.waitsFor !== waits.head) this.wait(waits.head, this.#core.client_header_timeout)
    } else if (this.streams.size > 0) this.waitsFor = waits.nothing
    else this.wait(waits.next, this.#core.keepalive_timeout.ms)
  }

  /** As nginx: the first request is always taken. */
  get #mayTakeMore(): boolean {
    const { keepalive_requests: requestsMax, keepalive_time: ageMs, keepalive_timeout } = this.#core
    if (this.requests === 0) return true
    if (this.closing) return false
    return this.requests < requestsMax && keepalive_timeout.ms > 0 && this.ageMs <= ageMs
  }

  #leaveSoon(): void {
    this.cork()
    this.#announce()
    this.uncork()
  }

  #announce(): void {
    this.#leaving = leavings.announced
    this.#frames.goAway(this, anyStream, errorCodes.noError)
    this.#frames.ping(this, leavingPing, 0)
    this.wait(waits.answer, goAwayAnswerMs)
  }

  /** Takes no stream from here on, and closes with the last one that is open. */
  #leaveWith(code: number): void {
    this.closing = true
    this.cork()
    this.#frames.goAway(this, this.#incoming.lastStream, code)
    this.#leaving = leavings.final
    this.waitsFor = waits.nothing
    if (code !== errorCodes.noError || this.streams.size === 0) this.#finish()
    this.uncork()
  }

  /** Nothing more is said; what the client still sends is read and thrown away. */
  #finish(): void {
    this.#frames.flush()
    const { socket } = this
    this.#closed()
    if (!socket.destroyed) new Linger(this.engine.services.timers, socket, this.#core).start()
  }

  #closed(): void {
    if (this.#leaving === leavings.closed) return
    this.#leaving = leavings.closed
    this.endWaits()
    this.streams.dropAll()
    this.engine.forget(this)
  }
}
