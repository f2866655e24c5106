/**
 * Bytes that the kernel has not taken yet. Exists only while there are such bytes.
 *
 * What comes in is copied: small writes are collected in blocks, large ones get a block of their own.
 */
import { queueBlockBytes } from '../limits.ts'

export class WriteQueue {
  /** Blocks in order; all but the last are full. */
  readonly #blocks: Buffer[] = []
  /** Used bytes of the last block. */
  #tail = 0
  /** Bytes of the first block that have gone. */
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(chunk: Buffer, from = 0): void {
    const bytes = chunk.length - from
    this.#length += bytes
    const last = this.#blocks.at(-1)
    const room = last === undefined ? 0 : last.length - this.#tail
    const fits = Math.min(room, bytes)
    if (fits > 0) {
      chunk.copy(last!, this.#tail, from, from + fits)
      this.#tail += fits
    }
    if (fits === bytes) return
    const rest = bytes - fits
    const block = Buffer.allocUnsafeSlow(Math.max(rest, queueBlockBytes))
    chunk.copy(block, 0, from + fits)
    this.#blocks.push(block)
    this.#tail = rest
  }

  /** The next bytes to send, in one piece; only while `length` is not zero. */
  front(): Buffer {
    const first = this.#blocks[0]!
    return first.subarray(this.#head, this.#blocks.length === 1 ? this.#tail : first.length)
  }

  /** Drops what has been sent of `front()`. */
  consume(bytes: number): void {
    this.#head += bytes
    this.#length -= bytes
    const first = this.#blocks[0]!
    const end = this.#blocks.length === 1 ? this.#tail : first.length
    if (this.#head < end) return
    this.#blocks.shift()
    this.#head = 0
    if (this.#blocks.length === 0) this.#tail = 0
  }
}
