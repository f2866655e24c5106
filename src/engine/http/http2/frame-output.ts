/**
 * Frames that go out within one turn of the event loop, collected in one buffer of the process, so that the
 * answers to all streams of a connection leave in one system call.
 *
 * As long as a frame lies here, it can still be made the last of its stream: a response whose end follows
 * its last piece in the same turn costs no frame of its own for that.
 */
import type { OutputOwner } from '../output.ts'
import { flags, frameHeadBytes, frameTypes, pingBytes } from './frames.ts'

/** Room for the answers of a turn; several times the largest frame that is written. */
const outputBytes = 128 * 1024

/** Largest payload of a frame that we write: what every peer takes (RFC 9113 §4.2). */
export const writtenFrameBytesMax = 16_384

const none = -1

export class FrameOutput {
  readonly #bytes: Buffer = Buffer.allocUnsafeSlow(outputBytes)
  #length = 0
  #owner: OutputOwner | undefined
  /** Where the last frame that may end its stream has its flags, and whose it is. */
  #lastFlagsAt = none
  #lastStream = 0

  /** Sends what lies here. */
  flush(): void {
    const owner = this.#owner
    this.#owner = undefined
    this.#lastFlagsAt = none
    if (this.#length === 0) return
    const bytes = this.#bytes.subarray(0, this.#length)
    this.#length = 0
    if (!owner!.socket.write(bytes)) owner!.blocked = true
  }

  /** Bytes that are no frame: the preface of a client. */
  raw(owner: OutputOwner, bytes: Buffer): void {
    this.#claim(owner, bytes.length)
    this.#length += bytes.copy(this.#bytes, this.#length)
  }

  /** A piece of a body, `writtenFrameBytesMax` bytes at most; returns its bytes with the frame's. */
  data(owner: OutputOwner, stream: number, bytes: Buffer, from: number, to: number): number {
    this.#head(owner, to - from, frameTypes.data, 0, stream)
    this.#lastFlagsAt = this.#length - frameHeadBytes + 4
    this.#lastStream = stream
    bytes.copy(this.#bytes, this.#length, from, to)
    this.#length += to - from
    return frameHeadBytes + to - from
  }

  /** A header block, in as many frames as it takes; returns the bytes of all. */
  headers(
    owner: OutputOwner,
    stream: number,
    block: { readonly bytes: Buffer; readonly length: number },
    frameFlags: number,
  ): number {
    let at = 0
    let type: number = frameTypes.headers
    let written = 0
    do {
      const bytes = Math.min(block.length - at, writtenFrameBytesMax)
      const last = at + bytes === block.length
      const first = type === frameTypes.headers ? frameFlags : 0
      this.#head(owner, bytes, type, first | (last ? flags.endHeaders : 0), stream)
      const flagsAt = this.#length - frameHeadBytes + 4
      this.#length += block.bytes.copy(this.#bytes, this.#length, at, at + bytes)
      // END_STREAM stands on HEADERS, and a block in several frames is rare.
      this.#lastFlagsAt = last && type === frameTypes.headers ? flagsAt : none
      this.#lastStream = stream
      at += bytes
      written += frameHeadBytes + bytes
      type = frameTypes.continuation
    } while (at < block.length)
    return written
  }

  /** Makes the last frame of a stream say that it is the last; false when it is under way already. */
  endLast(owner: OutputOwner, stream: number): boolean {
    const at = this.#lastFlagsAt
    if (at === none || this.#owner !== owner || this.#lastStream !== stream) return false
    this.#bytes[at]! |= flags.endStream
    this.#lastFlagsAt = none
    return true
  }

  /** An empty frame that ends a stream. */
  end(owner: OutputOwner, stream: number): void {
    this.#head(owner, 0, frameTypes.data, flags.endStream, stream)
  }

  rstStream(owner: OutputOwner, stream: number, code: number): void {
    this.#head(owner, 4, frameTypes.rstStream, 0, stream)
    this.#uint32(code)
  }

  windowUpdate(owner: OutputOwner, stream: number, bytes: number): void {
    this.#head(owner, 4, frameTypes.windowUpdate, 0, stream)
    this.#uint32(bytes)
  }

  /** Pairs of setting and value. */
  settings(owner: OutputOwner, settings: readonly (readonly [id: number, value: number])[]): void {
    this.#head(owner, settings.length * 6, frameTypes.settings, 0, 0)
    for (const [id, value] of settings) {
      this.#length = this.#bytes.writeUInt16BE(id, this.#length)
      this.#uint32(value)
    }
  }

  settingsAck(owner: OutputOwner): void {
    this.#head(owner, 0, frameTypes.settings, flags.ack, 0)
  }

  ping(owner: OutputOwner, opaque: Uint8Array, frameFlags: number): void {
    this.#head(owner, pingBytes, frameTypes.ping, frameFlags, 0)
    this.#bytes.set(opaque, this.#length)
    this.#length += pingBytes
  }

  goAway(owner: OutputOwner, lastStream: number, code: number): void {
    this.#head(owner, 8, frameTypes.goAway, 0, 0)
    this.#uint32(lastStream)
    this.#uint32(code)
  }

  #head(
    owner: OutputOwner,
    length: number,
    type: number,
    frameFlags: number,
    stream: number,
  ): void {
    this.#claim(owner, frameHeadBytes + length)
    const bytes = this.#bytes
    const at = this.#length
    bytes[at] = length >>> 16
    bytes[at + 1] = length >>> 8
    bytes[at + 2] = length
    bytes[at + 3] = type
    bytes[at + 4] = frameFlags
    bytes[at + 5] = stream >>> 24
    bytes[at + 6] = stream >>> 16
    bytes[at + 7] = stream >>> 8
    bytes[at + 8] = stream
    this.#length = at + frameHeadBytes
    this.#lastFlagsAt = none
  }

  #uint32(value: number): void {
    this.#length = this.#bytes.writeUInt32BE(value, this.#length)
  }

  /** Only one connection at a time has its bytes here. */
  #claim(owner: OutputOwner, room: number): void {
    if (this.#owner !== owner || this.#length + room > outputBytes) this.flush()
    this.#owner = owner
  }
}
