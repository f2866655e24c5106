/**
 * What a client's frames do: each kind by the rules of RFC 9113 §6, and none for free.
 *
 * A fault of one stream ends that stream, one that leaves the state of the connection in doubt ends the
 * connection. Frames that ask for work without bringing any (PING, SETTINGS, PRIORITY, empty DATA, window
 * updates, unknown ones) and streams that are begun only to be reset are counted against allowances.
 */
import type { Request } from '../request.ts'
import type { Slice } from './dynamic-table.ts'
import { errorCodes } from './error-codes.ts'
import { FloodGuard } from './flood-guard.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import {
  clientPreface,
  flags,
  frameTypes,
  pingBytes,
  priorityBytes,
  readUint31,
  settingBytes,
} from './frames.ts'
import { HeaderAssembly } from './header-assembly.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import type { Http2Connection } from './http2-connection.ts'
import type { Http2Stream } from './http2-stream.ts'
import {
  idleFramesBurst,
  idleFramesPerSecond,
  idleFramesPerSent,
  idleFramesPerWork,
  resetsBurst,
  resetsPerSecond,
  tinyFrameBytesMax,
} from './limits.ts'
import { RequestFields } from './request-fields.ts'

const idleAllowance = { burst: idleFramesBurst, perSecond: idleFramesPerSecond }
const resetAllowance = { burst: resetsBurst, perSecond: resetsPerSecond }

/** Decoding is synchronous: one serves all connections of the process. */
const fields = new RequestFields()

/** Header blocks that nobody asked for are decoded all the same: the table must stay what the client has. */
const nobody = { onField: (_name: Slice, _value: Slice): void => {} }

export class IncomingFrames implements FrameSink {
  /** Highest stream that the client has begun. */
  lastStream: number = 0
  readonly #connection: Http2Connection
  readonly #reader: FrameReader = new FrameReader(this)
  readonly #decoder = new HpackDecoder()
  readonly #assembly = new HeaderAssembly()
  readonly #idleFrames: FloodGuard
  readonly #resets: FloodGuard
  #prefaceAt = 0
  #settled = false
  #streamsThisTurn = 0

  constructor(connection: Http2Connection) {
    const now = connection.now()
    this.#connection = connection
    this.#idleFrames = new FloodGuard(idleAllowance, now)
    this.#resets = new FloodGuard(resetAllowance, now)
  }

  get reading(): boolean {
    return this.#connection.reading
  }

  /** True while the client has begun something that it has not finished: a preface, a frame, a header block. */
  get partial(): boolean {
    return !this.#settled || this.#reader.partial || this.#assembly.stream !== 0
  }

  read(chunk: Buffer): void {
    this.#streamsThisTurn = 0
    const from = this.#prefaceAt < clientPreface.length ? this.#readPreface(chunk) : 0
    if (from < chunk.length && this.reading) this.#reader.read(chunk, from)
  }

  onFault(code: number, problem: string): void {
    this.#connection.fail(code, problem)
  }

  /** A frame of a body was sent: the client will give room for the next. */
  onSent(bytes: number): void {
    if (bytes > tinyFrameBytesMax) this.#idleFrames.earn(idleFramesPerSent)
  }

  #readPreface(chunk: Buffer): number {
    const at = this.#prefaceAt
    const bytes = Math.min(clientPreface.length - at, chunk.length)
    if (chunk.compare(clientPreface, at, at + bytes, 0, bytes) !== 0) {
      this.onFault(errorCodes.protocol, 'invalid connection preface')
    }
    this.#prefaceAt += bytes
    return bytes
  }

  onFrame(reader: FrameReader, bytes: Buffer, from: number, to: number): void {
    if (!this.#isExpected(reader)) return
    switch (reader.type) {
      case frameTypes.data:
        return this.#onData(reader, bytes, from, to)
      case frameTypes.headers:
        return this.#onHeaders(reader, bytes, from, to)
      case frameTypes.continuation:
        return this.#onContinuation(reader, bytes.subarray(from, to))
      case frameTypes.windowUpdate:
        return this.#onWindowUpdate(reader, bytes, from, to)
      case frameTypes.rstStream:
        return this.#onRstStream(reader, to - from)
      case frameTypes.settings:
        return this.#onSettings(reader, bytes, from, to)
      case frameTypes.ping:
        return this.#onPing(reader, bytes, from, to)
      case frameTypes.priority:
        return this.#onPriority(reader, bytes, from, to)
      case frameTypes.goAway:
        return this.#onGoAway(reader, to - from)
      case frameTypes.pushPromise:
        return this.onFault(errorCodes.protocol, 'PUSH_PROMISE frame')
      default:
        // RFC 9113 §5.5: frames that are not known are passed over.
        this.#spendIdle()
    }
  }

  #isExpected({ type, stream }: FrameReader): boolean {
    const open = this.#assembly.stream
    if (open !== 0 && (type !== frameTypes.continuation || stream !== open)) {
      this.onFault(errorCodes.protocol, 'unexpected frame while CONTINUATION was expected')
      return false
    }
    // RFC 9113 §3.4: the preface goes on with SETTINGS.
    if (this.#settled || type === frameTypes.settings) return true
    this.onFault(errorCodes.protocol, 'no SETTINGS frame in its preface')
    return false
  }

  /** RFC 9113 §6.1. */
  #onData(reader: FrameReader, bytes: Buffer, from: number, to: number): void {
    const end = to - this.#padding(reader, bytes, from, to)
    const start = (reader.flags & flags.padded) === 0 ? from : from + 1
    if (end < start) {
      this.onFault(errorCodes.protocol, 'padded DATA frame with incorrect length')
      return
    }
    const ends = (reader.flags & flags.endStream) !== 0
    if (start === end && !ends) this.#spendIdle()
    else this.#idleFrames.earn(idleFramesPerWork)
    this.#connection.spendWindow(to - from)
    const stream = this.#receiver(reader)
    if (stream === undefined) return
    if (!stream.spendWindow(to - from)) {
      this.#endStream(stream, errorCodes.flowControl)
    } else if (!this.#deliver(stream, bytes.subarray(start, end), ends)) {
      // RFC 9113 §8.1.1: a body that is not as long as announced.
      this.#endStream(stream, errorCodes.protocol)
    }
  }

  /** Bytes of padding at the end, more than there are when the frame is malformed (RFC 9113 §6.1). */
  #padding({ flags: set }: FrameReader, bytes: Buffer, from: number, to: number): number {
    if ((set & flags.padded) === 0) return 0
    return to > from ? bytes[from]! : 1
  }

  /** The open stream that a frame of a body is for. */
  #receiver({ stream: id }: FrameReader): Http2Stream | undefined {
    const connection = this.#connection
    const stream = connection.streams.get(id)
    if (stream?.receiving === true) return stream
    if (id === 0 || id > this.lastStream) {
      this.onFault(errorCodes.protocol, `DATA frame for ${id === 0 ? 'no' : 'an idle'} stream`)
    } else if (stream !== undefined) this.#endStream(stream, errorCodes.streamClosed)
    else if (!connection.wasReset(id)) connection.sendReset(id, errorCodes.streamClosed)
    return undefined
  }

  #deliver(stream: Http2Stream, bytes: Buffer, ends: boolean): boolean {
    const { request } = stream
    if (!stream.onBody(bytes)) return false
    return !ends || stream.request !== request || stream.onClientEnd()
  }

  /** RFC 9113 §6.2. */
  #onHeaders(reader: FrameReader, bytes: Buffer, from: number, to: number): void {
    const { stream, flags: set } = reader
    let start = (set & flags.padded) === 0 ? from : from + 1
    if ((set & flags.priority) !== 0) start += priorityBytes
    const end = to - this.#padding(reader, bytes, from, to)
    if (end < start) {
      this.onFault(errorCodes.protocol, 'HEADERS frame with incorrect length')
      return
    }
    if (!this.#mayHaveHeaders(stream)) return
    if ((set & flags.priority) !== 0 && readUint31(bytes, start - priorityBytes) === stream) {
      this.onFault(errorCodes.protocol, 'HEADERS frame with dependency on itself')
      return
    }
    this.#idleFrames.earn(idleFramesPerWork)
    const ends = (set & flags.endStream) !== 0
    if ((set & flags.endHeaders) !== 0) this.#onBlock(stream, ends, bytes, start, end)
    else this.#assembly.begin(stream, ends, bytes.subarray(start, end))
  }

  /** RFC 9113 §5.1.1: a new stream of the client's, or trailers of an open one. */
  #mayHaveHeaders(id: number): boolean {
    const open = this.#connection.streams.get(id)
    if (open?.receiving === true) return true
    if (id % 2 === 0) {
      this.onFault(errorCodes.protocol, `HEADERS frame with incorrect identifier ${id}`)
      return false
    }
    // Trailers that were on their way when we reset the stream.
    if (id > this.lastStream || this.#connection.wasReset(id)) return true
    this.onFault(errorCodes.streamClosed, 'HEADERS frame for a closed stream')
    return false
  }

  /** RFC 9113 §6.10. */
  #onContinuation({ stream, flags: set }: FrameReader, fragment: Buffer): void {
    const assembly = this.#assembly
    if (assembly.stream !== stream || stream === 0) {
      this.onFault(errorCodes.protocol, 'unexpected CONTINUATION frame')
      return
    }
    if (!assembly.append(fragment, this.#connection.headBytesMax)) {
      this.onFault(errorCodes.enhanceYourCalm, 'too large header block')
      return
    }
    if ((set & flags.endHeaders) === 0) return
    const { endsStream } = assembly
    const block = assembly.finish()
    this.#onBlock(stream, endsStream, block, 0, block.length)
  }

  /** A whole header block: a request, trailers, or neither. */
  #onBlock(id: number, ends: boolean, block: Buffer, from: number, to: number): void {
    const open = this.#connection.streams.get(id)
    if (open !== undefined) this.#onTrailers(open, ends, block, from, to)
    else if (id <= this.lastStream) this.#decode(block, from, to, nobody)
    else {
      this.lastStream = id
      if (this.#mayBegin(id)) this.#begin(id, ends, block, from, to)
      else this.#decode(block, from, to, nobody)
    }
  }

  #decode(block: Buffer, from: number, to: number, sink: typeof nobody | RequestFields): boolean {
    const fault = this.#decoder.decode(block, from, to, sink)
    if (fault === undefined) return true
    // RFC 9113 §4.3: the table is not the client's any more.
    this.onFault(errorCodes.compression, `invalid header block: ${fault}`)
    return false
  }

  /** False for a stream that is refused, or for which the connection ends. */
  #mayBegin(id: number): boolean {
    const connection = this.#connection
    const max = connection.conf.http2_max_concurrent_streams
    this.#streamsThisTurn += 1
    if (connection.leaves) return false
    if (this.#streamsThisTurn > max * 2) {
      this.onFault(errorCodes.enhanceYourCalm, 'too many streams at once')
      return false
    }
    if (connection.streams.size < max) return true
    connection.sendReset(id, errorCodes.refusedStream)
    this.#spendReset('too many refused streams')
    return false
  }

  #begin(id: number, ends: boolean, block: Buffer, from: number, to: number): void {
    const connection = this.#connection
    const stream = connection.streams.take(id)
    const request = connection.takeRequest(stream)
    stream.open(id, request, ends)
    fields.begin(request.head, connection.headLimits)
    if (!this.#decode(block, from, to, fields)) return
    const status = fields.finish()
    if (status === 0) this.#beginRequest(stream, request, ends)
    else {
      if (fields.malformed) stream.fault = errorCodes.protocol
      request.refuse(status, fields.problem)
    }
  }

  #beginRequest(stream: Http2Stream, request: Request, ends: boolean): void {
    if (request.beginFramed(!ends)) return
    // RFC 9113 §8.1.1: a length was announced for a body that does not come.
    stream.fault = errorCodes.protocol
    request.refuse(400, 'prematurely closed stream')
  }

  /** RFC 9113 §8.1: fields behind the body; nobody has asked for them yet. */
  #onTrailers(stream: Http2Stream, ends: boolean, block: Buffer, from: number, to: number): void {
    if (!this.#decode(block, from, to, nobody)) return
    if (!ends || !stream.onClientEnd()) this.#endStream(stream, errorCodes.protocol)
  }

  /** A stream ends by the client's fault; doing so again and again is one too. */
  #endStream(stream: Http2Stream, code: number): void {
    stream.reset(code)
    this.#spendReset('too many faulty streams')
  }

  /** RFC 9113 §6.4. */
  #onRstStream({ stream: id }: FrameReader, length: number): void {
    if (length !== 4) {
      this.onFault(errorCodes.frameSize, 'RST_STREAM frame with incorrect length')
    } else if (id === 0 || id > this.lastStream) {
      this.onFault(errorCodes.protocol, 'RST_STREAM frame for no open stream')
    } else {
      const stream = this.#connection.streams.get(id)
      if (stream === undefined) this.#spendIdle()
      else stream.onReset()
      this.#spendReset('too many RST_STREAM frames')
    }
  }

  /** RFC 9113 §6.9. */
  #onWindowUpdate({ stream: id }: FrameReader, bytes: Buffer, from: number, to: number): void {
    if (to - from !== 4) {
      this.onFault(errorCodes.frameSize, 'WINDOW_UPDATE frame with incorrect length')
      return
    }
    this.#spendIdle()
    const increment = readUint31(bytes, from)
    if (id === 0) this.#growConnection(increment)
    else this.#growStream(id, increment)
  }

  #growConnection(increment: number): void {
    if (increment === 0) {
      this.onFault(errorCodes.protocol, 'WINDOW_UPDATE frame with incorrect window increment 0')
    } else if (!this.#connection.grow(increment)) {
      this.onFault(errorCodes.flowControl, 'WINDOW_UPDATE frame that makes the window too large')
    }
  }

  #growStream(id: number, increment: number): void {
    const stream = this.#connection.streams.get(id)
    if (stream === undefined) {
      if (id > this.lastStream) this.onFault(errorCodes.protocol, 'WINDOW_UPDATE of an idle stream')
    } else if (increment === 0) this.#endStream(stream, errorCodes.protocol)
    else if (!stream.grow(increment)) this.#endStream(stream, errorCodes.flowControl)
    else this.#connection.pump()
  }

  /** RFC 9113 §6.5. */
  #onSettings({ stream, flags: set }: FrameReader, bytes: Buffer, from: number, to: number): void {
    const acknowledges = (set & flags.ack) !== 0
    if (stream !== 0) this.onFault(errorCodes.protocol, 'SETTINGS frame with incorrect identifier')
    else if ((to - from) % settingBytes !== 0 || (acknowledges && to > from)) {
      this.onFault(errorCodes.frameSize, 'SETTINGS frame with incorrect length')
    } else if (!acknowledges) {
      if (this.#settled) this.#spendIdle()
      this.#settled = true
      this.#connection.applySettings(bytes, from, to)
    }
  }

  /** RFC 9113 §6.7. */
  #onPing({ stream, flags: set }: FrameReader, bytes: Buffer, from: number, to: number): void {
    if (to - from !== pingBytes) {
      this.onFault(errorCodes.frameSize, 'PING frame with incorrect length')
    } else if (stream !== 0) this.onFault(errorCodes.protocol, 'PING frame with a stream')
    else if ((set & flags.ack) !== 0) this.#connection.onPingAnswer()
    else {
      this.#spendIdle()
      if (this.reading) this.#connection.answerPing(bytes.subarray(from, to))
    }
  }

  /** RFC 9113 §5.3.2: read, and not followed; all streams have the same turns here. */
  #onPriority({ stream }: FrameReader, bytes: Buffer, from: number, to: number): void {
    if (stream === 0) this.onFault(errorCodes.protocol, 'PRIORITY frame with no stream')
    else if (to - from !== priorityBytes) {
      this.onFault(errorCodes.frameSize, 'PRIORITY frame with incorrect length')
    } else if (readUint31(bytes, from) === stream) {
      this.onFault(errorCodes.protocol, 'PRIORITY frame with dependency on itself')
    } else this.#spendIdle()
  }

  /** RFC 9113 §6.8: the client takes no streams of ours, of which there are none. */
  #onGoAway({ stream }: FrameReader, length: number): void {
    if (length < 8) this.onFault(errorCodes.frameSize, 'GOAWAY frame with incorrect length')
    else if (stream !== 0) this.onFault(errorCodes.protocol, 'GOAWAY frame with a stream')
    else this.#spendIdle()
  }

  #spendIdle(): void {
    if (this.#idleFrames.spend(this.#connection.now())) return
    this.onFault(errorCodes.enhanceYourCalm, 'too many frames without work in them')
  }

  #spendReset(problem: string): void {
    if (this.reading && !this.#resets.spend(this.#connection.now())) {
      this.onFault(errorCodes.enhanceYourCalm, problem)
    }
  }
}
