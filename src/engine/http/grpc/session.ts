/**
 * HTTP/2 as a client speaks it, on one connection to a gRPC server: one call after the other, as nginx does
 * it, so that the server's bytes are the call's and TCP itself holds a fast server back.
 *
 * ```text
 *   preface, SETTINGS ─▶ call (stream 1) ─▶ idle ─▶ call (stream 3) ─▶ …     GOAWAY: no further call
 * ```
 */
import { errorCodes } from '../http2/error-codes.ts'
import { FrameOutput, writtenFrameBytesMax } from '../http2/frame-output.ts'
import { FrameReader, type FrameSink } from '../http2/frame-reader.ts'
import {
  clientPreface,
  flags,
  frameTypes,
  pingBytes,
  priorityBytes,
  readUint31,
  readUint32,
  settingBytes,
  settingIds,
} from '../http2/frames.ts'
import { HeaderAssembly } from '../http2/header-assembly.ts'
import { type FieldSink, HpackDecoder } from '../http2/hpack-decoder.ts'
import { HeaderBlock } from '../http2/hpack-encoder.ts'
import { windowBytesInitial, windowBytesMax } from '../http2/limits.ts'
import { PeerSettings } from '../http2/peer-settings.ts'
import type { OutputOwner } from '../output.ts'
import type { UpstreamConnection } from '../proxy/upstream-connection.ts'
import type { Socket } from '../../net/socket.ts'
import { controlFramesMax, headerBlockBytesMax, windowRefillBytes } from './limits.ts'

/** Reads the response of the call in work. */
export interface SessionReader {
  /** A header block is whole; `session.decode` reads it. */
  onBlock(session: GrpcSession, block: HeaderBytes, ends: boolean): void
  onData(bytes: Buffer, from: number, to: number, ends: boolean): void
  /** The server has reset the stream. */
  onReset(code: number): void
  /** The text is nginx's; the connection cannot be used any more. */
  onFault(problem: string): void
}

/** Sends its request. */
export interface SessionSender {
  /** A window has grown. */
  onRoom(): void
}

export interface SessionCall {
  readonly reader: SessionReader
  readonly sender: SessionSender
}

export interface HeaderBytes {
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
}

/** Writing is synchronous: these serve all sessions of the process. */
const output = new FrameOutput()
const block = new HeaderBlock()

const sessions = new WeakMap<UpstreamConnection, GrpcSession>()

/** The session of a connection; its first call begins it. */
export function sessionOf(connection: UpstreamConnection): GrpcSession {
  const known = sessions.get(connection)
  if (known !== undefined) return known
  const session = new GrpcSession(connection)
  sessions.set(connection, session)
  connection.onIdleData = (chunk) => session.readIdle(chunk)
  return session
}

export class GrpcSession implements FrameSink, OutputOwner {
  blocked: boolean = false
  /** True while another call may follow. */
  reusable: boolean = true
  readonly #connection: UpstreamConnection
  readonly #reader = new FrameReader(this)
  readonly #decoder = new HpackDecoder()
  readonly #assembly = new HeaderAssembly()
  readonly #peer = new PeerSettings()
  #call: SessionCall | undefined = undefined
  #stream = -1
  #begun = false
  #sendWindow = windowBytesInitial
  #streamWindow = 0
  /** Bytes that came since the server was told of more room: of the connection, and of the stream. */
  #received = 0
  #streamReceived = 0
  #controlFrames = 0
  #broken = false

  constructor(connection: UpstreamConnection) {
    this.#connection = connection
  }

  get socket(): Socket {
    return this.#connection.socket
  }

  get reading(): boolean {
    return !this.#broken
  }

  /** Bytes of the body that may be sent now. */
  get room(): number {
    return this.blocked ? 0 : Math.min(this.#sendWindow, this.#streamWindow)
  }

  /** Begins a call; `compose` writes its header block, which ends the stream where no body follows. */
  begin(call: SessionCall, compose: (block: HeaderBlock) => void, ends: boolean): void {
    this.#call = call
    this.#stream += 2
    this.#streamWindow = this.#peer.initialWindow
    this.#streamReceived = 0
    this.#controlFrames = 0
    if (!this.#begun) this.#introduce()
    block.clear()
    if (this.#peer.tableLimited) block.withoutTable()
    this.#peer.tableLimited = false
    compose(block)
    output.headers(this, this.#stream, block, ends ? flags.endStream : 0)
    if (ends) output.flush()
  }

  /** The call is over, or given up; what still comes for it is passed over. */
  end(reader: SessionReader): void {
    if (this.#call?.reader === reader) this.#call = undefined
  }

  /** Sends what the windows have room for; returns how far that went. */
  send(bytes: Buffer, from: number, to: number): number {
    let at = from
    while (at < to && this.room > 0) {
      const end = Math.min(to, at + Math.min(this.room, writtenFrameBytesMax))
      output.data(this, this.#stream, bytes, at, end)
      this.#sendWindow -= end - at
      this.#streamWindow -= end - at
      at = end
    }
    return at
  }

  /** Ends the request. */
  sendEnd(): void {
    if (!output.endLast(this, this.#stream)) output.end(this, this.#stream)
    output.flush()
  }

  flush(): void {
    output.flush()
  }

  /** Takes bytes of the server. */
  read(chunk: Buffer): void {
    this.#reader.read(chunk, 0)
    output.flush()
  }

  /** Takes bytes while no call is in work; false when the connection is of no more use. */
  readIdle(chunk: Buffer): boolean {
    this.read(chunk)
    return this.reusable && !this.#broken && !this.#reader.partial
  }

  decode({ bytes, from, to }: HeaderBytes, sink: FieldSink): boolean {
    return this.#decoder.decode(bytes, from, to, sink) === undefined
  }

  #introduce(): void {
    this.#begun = true
    output.raw(this, clientPreface)
    output.settings(this, [
      [settingIds.enablePush, 0],
      [settingIds.initialWindowSize, windowBytesMax],
    ])
    output.windowUpdate(this, 0, windowBytesMax - windowBytesInitial)
  }

  onFault(_code: number, _problem: string): void {
    this.#fault('upstream sent too large http2 frame')
  }

  #fault(problem: string): void {
    if (this.#broken) return
    this.#broken = true
    this.reusable = false
    this.#call?.reader.onFault(problem)
  }

  onFrame(reader: FrameReader, bytes: Buffer, from: number, to: number): void {
    const { type, stream } = reader
    const open = this.#assembly.stream
    if (open !== 0 && (type !== frameTypes.continuation || stream !== open)) {
      this.#fault('upstream sent unexpected http2 frame')
      return
    }
    if (stream > this.#stream || (stream !== 0 && stream % 2 === 0)) {
      this.#fault(`upstream sent frame for unknown stream ${stream}`)
      return
    }
    switch (type) {
      case frameTypes.data:
        return this.#onData(reader, bytes, from, to)
      case frameTypes.headers:
        return this.#onHeaders(reader, bytes, from, to)
      case frameTypes.continuation:
        return this.#onContinuation(reader, bytes.subarray(from, to))
      case frameTypes.settings:
        return this.#onSettings(reader, bytes, from, to)
      case frameTypes.windowUpdate:
        return this.#onWindowUpdate(reader, bytes, from, to)
      case frameTypes.ping:
        return this.#onPing(reader, bytes, from, to)
      case frameTypes.rstStream:
        return this.#onRstStream(reader, bytes, from, to)
      case frameTypes.goAway:
        return this.#onGoAway(bytes, from, to)
      case frameTypes.pushPromise:
        return this.#fault('upstream sent unexpected push promise frame')
      default:
        this.#countControl()
    }
  }

  /** Bytes between the padding, told by where they begin; `undefined` where there is more padding than bytes. */
  #unpadded(
    { flags: set }: FrameReader,
    bytes: Buffer,
    from: number,
    to: number,
  ): number | undefined {
    if ((set & flags.padded) === 0) return to
    if (to === from || bytes[from]! > to - from - 1) return undefined
    return to - bytes[from]!
  }

  #onData(reader: FrameReader, bytes: Buffer, from: number, to: number): void {
    const end = this.#unpadded(reader, bytes, from, to)
    if (end === undefined || reader.stream === 0) {
      this.#fault('upstream sent invalid http2 data frame')
      return
    }
    this.#spendWindows(to - from, reader.stream)
    if (reader.stream !== this.#stream || this.#call === undefined) return
    const start = (reader.flags & flags.padded) === 0 ? from : from + 1
    this.#call.reader.onData(bytes, start, end, (reader.flags & flags.endStream) !== 0)
  }

  #spendWindows(bytes: number, stream: number): void {
    this.#received += bytes
    if (this.#received >= windowRefillBytes) {
      output.windowUpdate(this, 0, this.#received)
      this.#received = 0
    }
    if (stream !== this.#stream) return
    this.#streamReceived += bytes
    if (this.#streamReceived < windowRefillBytes) return
    output.windowUpdate(this, stream, this.#streamReceived)
    this.#streamReceived = 0
  }

  #onHeaders(reader: FrameReader, bytes: Buffer, from: number, to: number): void {
    const { stream, flags: set } = reader
    const end = this.#unpadded(reader, bytes, from, to)
    const skipped =
      ((set & flags.padded) === 0 ? 0 : 1) + ((set & flags.priority) === 0 ? 0 : priorityBytes)
    if (end === undefined || stream === 0 || from + skipped > end) {
      this.#fault('upstream sent invalid http2 headers frame')
      return
    }
    const ends = (set & flags.endStream) !== 0
    if ((set & flags.endHeaders) !== 0) this.#onBlock(stream, ends, bytes, from + skipped, end)
    else this.#assembly.begin(stream, ends, bytes.subarray(from + skipped, end))
  }

  #onContinuation({ flags: set, stream }: FrameReader, fragment: Buffer): void {
    const assembly = this.#assembly
    if (assembly.stream === 0) {
      this.#fault('upstream sent unexpected continuation frame')
      return
    }
    if (!assembly.append(fragment, headerBlockBytesMax)) {
      this.#fault('upstream sent too big header')
      return
    }
    if ((set & flags.endHeaders) === 0) return
    const { endsStream } = assembly
    const bytes = assembly.finish()
    this.#onBlock(stream, endsStream, bytes, 0, bytes.length)
  }

  #onBlock(stream: number, ends: boolean, bytes: Buffer, from: number, to: number): void {
    if (stream === this.#stream && this.#call !== undefined) {
      this.#call.reader.onBlock(this, { bytes, from, to }, ends)
    } else if (!this.decode({ bytes, from, to }, nobody)) {
      this.#fault('upstream sent invalid http2 header block')
    }
  }

  #onSettings(reader: FrameReader, bytes: Buffer, from: number, to: number): void {
    const acknowledges = (reader.flags & flags.ack) !== 0
    if (reader.stream !== 0 || (to - from) % settingBytes !== 0 || (acknowledges && to > from)) {
      this.#fault('upstream sent invalid http2 settings frame')
      return
    }
    if (acknowledges || !this.#countControl()) return
    const before = this.#peer.initialWindow
    const fault = this.#peer.read(bytes, from, to)
    if (fault !== undefined) {
      this.#fault(`upstream sent settings frame with ${fault.problem}`)
      return
    }
    this.#streamWindow += this.#peer.initialWindow - before
    output.settingsAck(this)
    if (this.#peer.initialWindow > before) this.#call?.sender.onRoom()
  }

  #onWindowUpdate({ stream }: FrameReader, bytes: Buffer, from: number, to: number): void {
    const increment = to - from === 4 ? readUint31(bytes, from) : 0
    if (stream === 0) this.#sendWindow += increment
    else if (stream === this.#stream) this.#streamWindow += increment
    if (increment === 0 || Math.max(this.#sendWindow, this.#streamWindow) > windowBytesMax) {
      this.#fault('upstream sent invalid http2 window update frame')
    } else if (this.room > 0) this.#call?.sender.onRoom()
  }

  #onPing(reader: FrameReader, bytes: Buffer, from: number, to: number): void {
    if (to - from !== pingBytes || reader.stream !== 0) {
      this.#fault('upstream sent invalid http2 ping frame')
    } else if ((reader.flags & flags.ack) === 0 && this.#countControl()) {
      output.ping(this, bytes.subarray(from, to), flags.ack)
    }
  }

  #onRstStream({ stream }: FrameReader, bytes: Buffer, from: number, to: number): void {
    if (to - from !== 4 || stream === 0) this.#fault('upstream sent invalid http2 rst stream frame')
    else if (stream === this.#stream) this.#call?.reader.onReset(readUint32(bytes, from))
  }

  #onGoAway(bytes: Buffer, from: number, to: number): void {
    if (to - from < 8) {
      this.#fault('upstream sent invalid http2 goaway frame')
      return
    }
    this.reusable = false
    const code = readUint32(bytes, from + 4)
    const served = readUint31(bytes, from) >= this.#stream
    if (code === errorCodes.noError && served) return
    this.#fault(`upstream sent goaway with error ${code}`)
  }

  /** False when there were too many. */
  #countControl(): boolean {
    this.#controlFrames += 1
    if (this.#controlFrames <= controlFramesMax) return true
    this.#fault('upstream sent too many control frames')
    return false
  }
}

const nobody: FieldSink = { onField: () => undefined }
