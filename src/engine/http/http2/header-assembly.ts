/**
 * Puts header blocks together out of HEADERS and CONTINUATION frames (RFC 9113 §4.3).
 *
 * Nothing else may come between the two, so a connection has one block in work at most. What a client may
 * make us keep is bounded: by bytes, and by frames, which may be empty.
 */
import { continuationsMax } from './limits.ts'

const nothing = Buffer.alloc(0)

export class HeaderAssembly {
  /** Stream of the block in work; 0 for none. */
  stream: number = 0
  /** The block ends its stream. */
  endsStream: boolean = false
  #bytes: Buffer = nothing
  #frames = 0

  begin(stream: number, endsStream: boolean, fragment: Buffer): void {
    this.stream = stream
    this.endsStream = endsStream
    this.#bytes = Buffer.from(fragment)
    this.#frames = 0
  }

  /** Adds a fragment; false when there are too many, or too much of them. */
  append(fragment: Buffer, bytesMax: number): boolean {
    this.#frames += 1
    if (this.#frames > continuationsMax || this.#bytes.length + fragment.length > bytesMax) {
      return false
    }
    this.#bytes = Buffer.concat([this.#bytes, fragment])
    return true
  }

  /** The whole block. */
  finish(): Buffer {
    const bytes = this.#bytes
    this.#bytes = nothing
    this.stream = 0
    return bytes
  }
}
