/**
 * Views of one field over all records of a shared table: made once, then read and written by record number.
 * A table that has grown gives its fields the longer memory.
 */
import { columnsAt } from './table-layout.ts'
import { addWide, clearWide, readWide } from './wide-counter.ts'

export interface Columns {
  readonly own: number
  /** The table's words, for `columnsAt`. */
  readonly head: Int32Array
}

export class Int32Field {
  #cells: Int32Array
  readonly #first: number
  readonly #stride: number

  constructor(cells: Int32Array, first: number, stride: number) {
    this.#cells = cells
    this.#first = first
    this.#stride = stride
  }

  /** Goes on in the same memory, longer. */
  use(cells: Int32Array): void {
    this.#cells = cells
  }

  get(record: number): number {
    return Atomics.load(this.#cells, this.#first + record * this.#stride)
  }

  set(record: number, value: number): void {
    Atomics.store(this.#cells, this.#first + record * this.#stride, value)
  }

  /** Returns the value before. */
  add(record: number, delta: number): number {
    return Atomics.add(this.#cells, this.#first + record * this.#stride, delta)
  }

  setBits(record: number, bits: number): void {
    Atomics.or(this.#cells, this.#first + record * this.#stride, bits)
  }

  keepBits(record: number, bits: number): void {
    Atomics.and(this.#cells, this.#first + record * this.#stride, bits)
  }

  /** Sets the value where it is the expected one; true when it was. */
  exchange(record: number, expected: number, value: number): boolean {
    const at = this.#first + record * this.#stride
    return Atomics.compareExchange(this.#cells, at, expected, value) === expected
  }
}

export class Float64Field {
  #cells: Float64Array
  readonly #first: number
  readonly #stride: number

  constructor(cells: Float64Array, first: number, stride: number) {
    this.#cells = cells
    this.#first = first
    this.#stride = stride
  }

  /** Goes on in the same memory, longer. */
  use(cells: Float64Array): void {
    this.#cells = cells
  }

  get(record: number): number {
    return this.#cells[this.#first + record * this.#stride]!
  }

  set(record: number, value: number): void {
    this.#cells[this.#first + record * this.#stride] = value
  }
}

/** A counter without columns; see `wide-counter.ts`. */
export class WideField {
  #cells: Int32Array
  readonly #first: number
  readonly #stride: number

  constructor(cells: Int32Array, first: number, stride: number) {
    this.#cells = cells
    this.#first = first
    this.#stride = stride
  }

  /** Goes on in the same memory, longer. */
  use(cells: Int32Array): void {
    this.#cells = cells
  }

  get(record: number): number {
    return readWide(this.#cells, this.#first + record * this.#stride)
  }

  /** Adds a whole number from 0 to 2³¹ − 1. */
  add(record: number, delta: number): void {
    addWide(this.#cells, this.#first + record * this.#stride, delta)
  }

  reset(record: number): void {
    clearWide(this.#cells, this.#first + record * this.#stride)
  }
}

/** A gauge or a counter: this process adds to its own column, anyone reads the sum. */
export class ColumnField {
  #cells: Int32Array | Float64Array
  readonly #first: number
  readonly #stride: number
  readonly #own: number
  readonly #head: Int32Array

  constructor(cells: Int32Array | Float64Array, first: number, stride: number, columns: Columns) {
    this.#cells = cells
    this.#first = first
    this.#stride = stride
    this.#own = columns.own
    this.#head = columns.head
  }

  /** Goes on in the same memory, longer. */
  use(cells: Int32Array | Float64Array): void {
    this.#cells = cells
  }

  add(record: number, delta: number): void {
    this.#cells[this.#first + record * this.#stride + this.#own]! += delta
  }

  /** The part of this process. */
  own(record: number): number {
    return this.#cells[this.#first + record * this.#stride + this.#own]!
  }

  sum(record: number): number {
    const start = this.#first + record * this.#stride
    const columns = this.#head[columnsAt]!
    let sum = 0
    for (let i = 0; i < columns; i += 1) sum += this.#cells[start + i]!
    return sum
  }
}
