/**
 * Takes whole frames out of the bytes of a connection.
 *
 * A frame that came in one piece is read where it lies; one that is cut is put together in a buffer that
 * lives only while it is. Frames are at most `frameBytesMax` long, so that this buffer is small.
 */
import { errorCodes } from './error-codes.ts'
import { frameHeadBytes, readUint31 } from './frames.ts'
import { frameBytesMax } from './limits.ts'

export interface FrameSink {
  /** False once the connection has ended: nothing more is delivered. */
  readonly reading: boolean
  /** A frame; its payload is `bytes[from, to)`, valid during the call. */
  onFrame(reader: FrameReader, bytes: Buffer, from: number, to: number): void
  /** The peer breaks the protocol: the connection cannot go on. */
  onFault(code: number, problem: string): void
}

const nothing = Buffer.alloc(0)

export class FrameReader {
  /** Of the frame that is delivered. */
  type: number = 0
  flags: number = 0
  stream: number = 0
  readonly #sink: FrameSink
  #held: Buffer = nothing
  #heldLength = 0

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** True while a part of a frame is waiting for the rest. */
  get partial(): boolean {
    return this.#heldLength > 0
  }

  read(chunk: Buffer, from: number): void {
    let at = this.#heldLength > 0 ? this.#fill(chunk, from) : from
    while (this.#sink.reading && chunk.length - at >= frameHeadBytes) {
      const end = at + frameHeadBytes + chunk.readUIntBE(at, 3)
      if (!this.#isTaken(end - at)) return
      if (end > chunk.length) break
      this.#deliver(chunk, at, end)
      at = end
    }
    if (this.#sink.reading && at < chunk.length) this.#hold(chunk, at)
  }

  #isTaken(frameBytes: number): boolean {
    if (frameBytes <= frameHeadBytes + frameBytesMax) return true
    this.#sink.onFault(errorCodes.frameSize, 'too large frame')
    return false
  }

  #deliver(bytes: Buffer, at: number, end: number): void {
    this.type = bytes[at + 3]!
    this.flags = bytes[at + 4]!
    this.stream = readUint31(bytes, at + 5)
    this.#sink.onFrame(this, bytes, at + frameHeadBytes, end)
  }

  /** Adds to a frame that is not whole; returns how far that went. */
  #fill(chunk: Buffer, from: number): number {
    let at = this.#append(chunk, from, frameHeadBytes)
    if (this.#heldLength < frameHeadBytes) return at
    const frameBytes = frameHeadBytes + this.#held.readUIntBE(0, 3)
    if (!this.#isTaken(frameBytes)) return chunk.length
    at = this.#append(chunk, at, frameBytes)
    if (this.#heldLength < frameBytes) return at
    const held = this.#held
    this.#held = nothing
    this.#heldLength = 0
    this.#deliver(held, 0, frameBytes)
    return at
  }

  #append(chunk: Buffer, from: number, wanted: number): number {
    const missing = Math.min(wanted - this.#heldLength, chunk.length - from)
    if (missing <= 0) return from
    this.#growTo(wanted)
    chunk.copy(this.#held, this.#heldLength, from, from + missing)
    this.#heldLength += missing
    return from + missing
  }

  #hold(chunk: Buffer, at: number): void {
    const known = chunk.length - at >= frameHeadBytes
    this.#growTo(known ? frameHeadBytes + chunk.readUIntBE(at, 3) : frameHeadBytes)
    this.#heldLength = chunk.copy(this.#held, 0, at)
  }

  #growTo(bytes: number): void {
    if (bytes <= this.#held.length) return
    const larger = Buffer.allocUnsafe(bytes)
    this.#held.copy(larger, 0, 0, this.#heldLength)
    this.#held = larger
  }
}
