/**
 * A ring of records in memory that two processes share: one appends, one reads, neither waits.
 *
 * ```text
 *   ┌ head ───────────────────────────┬ data ──────────────────────────────────────────┐
 *   │ signature · written · read ·lost│ … │ length · bytes │ length · bytes │ … │ −1 │  │
 *   └─────────────────────────────────┴───────────────────────────────────────────────┘
 *                                         ▲ read              ▲ written          ▲ wraps here
 * ```
 *
 * Positions grow without end and wrap with 32 bits; what a writer has put down counts when `written` is
 * stored behind it, so that one killed in the middle leaves nothing half. Where there is no room the record
 * is lost and counted: a reader that is slow or away costs the writer nothing.
 */
import assert from 'node:assert/strict'

const formatVersion = 1
const signature = 0x7261_0000 | formatVersion
/** Words of the head; the words that writer and reader store to lie on cache lines of their own. */
const headWords = 48
const signatureAt = 0
const writtenAt = 16
const lostAt = 17
const readAt = 32
const headBytes = headWords * 4
const lengthBytes = 4
/** In place of a length: the rest up to the end is not used. */
const wraps = -1

/** Bytes of memory for a ring whose records have room in `dataBytes`, a power of two. */
export function ringBytes(dataBytes: number): number {
  return headBytes + dataBytes
}

export class RecordRing {
  /** Where records are written and read, from the offsets that `reserve` and `read` give. */
  readonly bytes: Buffer
  readonly #head: Int32Array
  readonly #lengths: Int32Array
  readonly #mask: number
  /** Where the reserved record begins in `bytes`. */
  #reserved = 0

  constructor(memory: ArrayBuffer) {
    const dataBytes = memory.byteLength - headBytes
    assert((dataBytes & (dataBytes - 1)) === 0, 'the size of a ring is a power of two')
    this.#head = new Int32Array(memory, 0, headWords)
    this.#lengths = new Int32Array(memory, headBytes)
    this.bytes = Buffer.from(memory, headBytes)
    this.#mask = dataBytes - 1
    const found = Atomics.compareExchange(this.#head, signatureAt, 0, signature)
    assert(found === 0 || found === signature, 'the memory holds a ring')
  }

  /** Records that found no room, since the ring was made; wraps with 32 bits. */
  get lost(): number {
    return Atomics.load(this.#head, lostAt) >>> 0
  }

  /** Bytes that wait for the reader. */
  get waiting(): number {
    return (Atomics.load(this.#head, writtenAt) - Atomics.load(this.#head, readAt)) >>> 0
  }

  /**
   * Where in `bytes` a record of at most so many bytes may be written; -1 when there is no room, and the
   * record is counted as lost. It counts once `commit` says how long it is.
   */
  reserve(bytesMax: number): number {
    const written = this.#head[writtenAt]!
    const room = this.bytes.length - ((written - Atomics.load(this.#head, readAt)) >>> 0)
    const needed = align(bytesMax) + lengthBytes
    const at = written & this.#mask
    const left = this.bytes.length - at
    const skipped = left < needed ? left : 0
    if (needed + skipped > room) {
      Atomics.add(this.#head, lostAt, 1)
      return -1
    }
    if (skipped > 0) this.#lengths[at >> 2] = wraps
    this.#reserved = (written + skipped) | 0
    return (this.#reserved & this.#mask) + lengthBytes
  }

  /** Hands over the reserved record, which ends at `end` in `bytes`. */
  commit(end: number): void {
    const at = this.#reserved & this.#mask
    const length = end - at - lengthBytes
    this.#lengths[at >> 2] = length
    Atomics.store(this.#head, writtenAt, (this.#reserved + lengthBytes + align(length)) | 0)
  }

  /** Gives up to `max` records to `take`, oldest first; their bytes are valid during the call only. */
  read(max: number, take: (bytes: Buffer, start: number, end: number) => void): number {
    const written = Atomics.load(this.#head, writtenAt)
    let position = this.#head[readAt]!
    let count = 0
    while (position !== written && count < max) {
      const at = position & this.#mask
      const length = this.#lengths[at >> 2]!
      if (length === wraps) position = (position + this.bytes.length - at) | 0
      else {
        const start = at + lengthBytes
        assert(length >= 0 && start + length <= this.bytes.length, 'a record lies within the ring')
        take(this.bytes, start, start + length)
        position = (position + lengthBytes + align(length)) | 0
        count += 1
      }
      Atomics.store(this.#head, readAt, position)
    }
    return count
  }
}

function align(bytes: number): number {
  return (bytes + 3) & ~3
}
