/**
 * What a client's frames do: each kind by the rules of RFC 9113 §6, and none for free.
 *
 * A fault of one stream ends that stream, one that leaves the state of the connection in doubt ends the
 * connection. Frames that ask for work without bringing any (PING, SETTINGS, PRIORITY, empty DATA, window
 * updates, unknown ones) and streams that are begun only to be reset are counted against allowances.
 */
import { errorCodes } from './error-codes.ts'
import { FrameBudget } from './frame-budget.ts'
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
import type { Http2Connection } from './http2-connection.ts'
import type { Http2Stream } from './http2-stream.ts'
import { IncomingHeaders } from './incoming-headers.ts'

export class IncomingFrames implements FrameSink {
  readonly #connection: Http2Connection
  readonly #reader: FrameReader = new FrameReader(this)
  readonly #budget: FrameBudget
  readonly #headers: IncomingHeaders
  #prefaceAt = 0
  #settled = false

  constructor(connection: Http2Connection) {
    this.#connection = connection
    this.#budget = new FrameBudget(connection)
    this.#headers = new IncomingHeaders(connection, this.#budget)
  }

  /** Highest stream that the client has begun. */
  get lastStream(): number {
    return this.#headers.lastStream
  }

  get reading(): boolean {
    return this.#connection.reading
  }

  /** True while the client has begun something that it has not finished: a preface, a frame, a header block. */
  get partial(): boolean {
    return !this.#settled || this.#reader.partial || this.#headers.open !== 0
  }

  read(chunk: Buffer): void {
    this.#headers.beginTurn()
    const from = this.#prefaceAt < clientPreface.length ? this.#readPreface(chunk) : 0
    if (from < chunk.length && this.reading) this.#reader.read(chunk, from)
  }

  onFault(code: number, problem: string): void {
    this.#connection.fail(code, problem)
  }

  /** A frame of a body was sent. */
  onSent(bytes: number): void {
    this.#budget.onSent(bytes)
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
        return this.#headers.onContinuation(reader, bytes.subarray(from, to))
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
        this.#budget.onIdleFrame()
    }
  }

  #isExpected({ type, stream }: FrameReader): boolean {
    const { open } = this.#headers
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
    if (start === end && !ends) this.#budget.onIdleFrame()
    else this.#budget.onWork()
    this.#connection.spendWindow(to - from)
    const stream = this.#receiver(reader)
    if (stream === undefined) return
    if (!stream.spendWindow(to - from)) {
      this.#budget.endFaulty(stream, errorCodes.flowControl)
    } else if (!this.#deliver(stream, bytes.subarray(start, end), ends)) {
      // RFC 9113 §8.1.1: a body that is not as long as announced.
      this.#budget.endFaulty(stream, errorCodes.protocol)
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
    } else if (stream !== undefined) this.#budget.endFaulty(stream, errorCodes.streamClosed)
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
    const start = (reader.flags & flags.padded) === 0 ? from : from + 1
    this.#headers.onHeaders(reader, bytes, start, to - this.#padding(reader, bytes, from, to))
  }

  /** RFC 9113 §6.4. */
  #onRstStream({ stream: id }: FrameReader, length: number): void {
    if (length !== 4) {
      this.onFault(errorCodes.frameSize, 'RST_STREAM frame with incorrect length')
    } else if (id === 0 || id > this.lastStream) {
      this.onFault(errorCodes.protocol, 'RST_STREAM frame for no open stream')
    } else {
      const stream = this.#connection.streams.get(id)
      if (stream === undefined) this.#budget.onIdleFrame()
      else stream.onReset()
      this.#budget.onReset('too many RST_STREAM frames')
    }
  }

  /** RFC 9113 §6.9. */
  #onWindowUpdate({ stream: id }: FrameReader, bytes: Buffer, from: number, to: number): void {
    if (to - from !== 4) {
      this.onFault(errorCodes.frameSize, 'WINDOW_UPDATE frame with incorrect length')
      return
    }
    this.#budget.onIdleFrame()
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
    } else if (increment === 0) this.#budget.endFaulty(stream, errorCodes.protocol)
    else if (!stream.grow(increment)) this.#budget.endFaulty(stream, errorCodes.flowControl)
    else this.#connection.pump()
  }

  /** RFC 9113 §6.5. */
  #onSettings({ stream, flags: set }: FrameReader, bytes: Buffer, from: number, to: number): void {
    const acknowledges = (set & flags.ack) !== 0
    if (stream !== 0) this.onFault(errorCodes.protocol, 'SETTINGS frame with incorrect identifier')
    else if ((to - from) % settingBytes !== 0 || (acknowledges && to > from)) {
      this.onFault(errorCodes.frameSize, 'SETTINGS frame with incorrect length')
    } else if (!acknowledges) {
      if (this.#settled) this.#budget.onIdleFrame()
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
      this.#budget.onIdleFrame()
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
    } else this.#budget.onIdleFrame()
  }

  /** RFC 9113 §6.8: the client takes no streams of ours, of which there are none. */
  #onGoAway({ stream }: FrameReader, length: number): void {
    if (length < 8) this.onFault(errorCodes.frameSize, 'GOAWAY frame with incorrect length')
    else if (stream !== 0) this.onFault(errorCodes.protocol, 'GOAWAY frame with a stream')
    else this.#budget.onIdleFrame()
  }
}
