/**
 * The memory of a shared table as one process sees it: its words, and the parts of it that are in use.
 *
 * When the table grows, every process maps the longer memory at the next look. It holds the same bytes as the
 * one before, so that what was made of that goes on to see the records it was made for.
 */
import assert from 'node:assert/strict'
import { monotonicMs } from './monotonic.ts'
import {
  type Fields,
  partsAt,
  shapeBytes,
  shapeOf,
  type TableLayout,
  type TableShape,
} from './table-layout.ts'

/** What a table needs to grow. */
export interface TableGrowth {
  /** Asked when the table is full. */
  mayGrow(): boolean
  /** The same memory with so many bytes, which it gets where it has fewer; `undefined` where that cannot be. */
  extend(bytes: number): ArrayBuffer | undefined
}

/** Where there was no memory for another part, it is asked for again after this time. */
const growthRetryMs = 1000

export class TableMemory {
  readonly shape: TableShape
  readonly #growth: TableGrowth | undefined
  readonly #onLonger: () => void
  #words: Int32Array
  #doubles: Float64Array
  #bytes: Uint8Array
  #mapped = 1
  #retryAt = 0

  /** `onLonger` is told when `words` and `doubles` are others. */
  constructor(
    buffer: ArrayBuffer,
    layout: TableLayout<Fields>,
    growth: TableGrowth | undefined,
    onLonger: () => void,
  ) {
    this.shape = shapeOf(layout)
    this.#growth = growth
    this.#onLonger = onLonger
    const bytes = shapeBytes(this.shape, 1)
    assert(buffer.byteLength >= bytes, 'the memory holds the table')
    this.#words = new Int32Array(buffer, 0, bytes / 4)
    this.#doubles = new Float64Array(buffer, 0, Math.floor(bytes / 8))
    this.#bytes = new Uint8Array(buffer, 0, bytes)
  }

  get words(): Int32Array {
    return this.#words
  }

  get doubles(): Float64Array {
    return this.#doubles
  }

  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** Parts in use. Where another process has taken more of them, they are mapped first. */
  get parts(): number {
    const used = this.#words[partsAt]!
    if (used > this.#mapped) this.#map(used)
    return this.#mapped
  }

  /** False while this process cannot reach all parts in use. */
  get isWhole(): boolean {
    return this.parts >= this.#words[partsAt]!
  }

  /** Takes one part more into use, under the table's lock. False where there may be none, or is no memory. */
  grow(): boolean {
    const next = this.parts + 1
    if (next > this.shape.parts || !this.isWhole) return false
    if (this.#growth?.mayGrow() !== true || monotonicMs() < this.#retryAt) return false
    if (!this.#map(next)) {
      this.#retryAt = monotonicMs() + growthRetryMs
      return false
    }
    Atomics.store(this.#words, partsAt, next)
    return true
  }

  wordOf(record: number): number {
    return this.shape.recordsAt + record * this.shape.recordWords
  }

  /** Word of the first slot of a part. */
  slotsAt(part: number): number {
    return this.wordOf(part * this.shape.numbers + this.shape.slots)
  }

  #map(parts: number): boolean {
    const bytes = shapeBytes(this.shape, parts)
    const buffer = this.#growth?.extend(bytes)
    if (buffer === undefined) return false
    this.#words = new Int32Array(buffer, 0, bytes / 4)
    this.#doubles = new Float64Array(buffer, 0, Math.floor(bytes / 8))
    this.#bytes = new Uint8Array(buffer, 0, bytes)
    this.#mapped = parts
    this.#onLonger()
    return true
  }
}
