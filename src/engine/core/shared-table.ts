/**
 * A hash table in memory that processes share: text key → record of numbers. It has room for so many keys,
 * and takes more memory into use where it may grow.
 *
 * Every process that writes is an *owner* and has a column of its own in gauges and counters, whose value
 * is the sum over the columns. So nothing is ever lost between two writers, and what a killed process
 * held (connections, references) is given back by emptying its column.
 *
 * Changes of the table's shape happen under its lock, each such that a process killed anywhere leaves a
 * usable table.
 */
import assert from 'node:assert/strict'
import { KeySlots } from './key-slots.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { isAlive, ownWord } from './process-identity.ts'
import { type Columns, ColumnField, Float64Field, Int32Field, WideField } from './shared-fields.ts'
import { SharedLock } from './shared-lock.ts'
import { StatusCounts } from './status-counts.ts'
import {
  clockAt,
  columnsAt,
  type Fields,
  lockAt,
  type NamesOf,
  signatureAt,
  type TableLayout,
  touchedField,
  usedAt,
} from './table-layout.ts'
import { type TableGrowth, TableMemory } from './table-memory.ts'

/** Why `acquire` gave no record. All are below 0. */
export const tableFull = -1
export const keyTooLong = -2
/** The lock could not be had: its holder is stopped. */
export const tableBusy = -3

export class SharedTable<F extends Fields> {
  readonly layout: TableLayout<F>
  readonly #memory: TableMemory
  readonly #slots: KeySlots
  readonly #lock: SharedLock
  readonly #owner: number
  /** Fields that were asked for, which go on in longer memory. */
  readonly #int32s: (Int32Field | WideField | ColumnField)[] = []
  readonly #float64s: (Float64Field | ColumnField)[] = []

  /**
   * Attaches to a table, or starts one where all bytes are zero. The process becomes an owner. A table whose
   * layout has several parts needs `growth` to use more than the first.
   */
  constructor(buffer: ArrayBuffer, layout: TableLayout<F>, growth?: TableGrowth) {
    this.layout = layout
    this.#memory = new TableMemory(buffer, layout, growth, () => this.#onLonger())
    this.#slots = new KeySlots(this.#memory, layout.capacity, layout.keyBytesMax)
    const { words, shape } = this.#memory
    this.#lock = new SharedLock(words, lockAt)
    const found = Atomics.compareExchange(words, signatureAt, 0, shape.signature)
    if (found !== 0 && found !== shape.signature) {
      throw new Error('the shared memory holds a table of another layout')
    }
    this.#owner = this.#becomeOwner()
  }

  /** Numbers of records are below that times the number of parts; those of one part begin with it. */
  get numbersPerPart(): number {
    return this.#memory.shape.numbers
  }

  /** Parts in use. */
  get parts(): number {
    return this.#memory.parts
  }

  /** The column of this process; when it ends, whoever attaches next may have it. */
  get owner(): number {
    return this.#owner
  }

  /** Columns that were ever taken are below this. */
  get columns(): number {
    return this.#memory.words[columnsAt]!
  }

  /** Records that it has room for before it grows. */
  get room(): number {
    return this.layout.capacity * this.#memory.parts
  }

  /** Records in the table. */
  get used(): number {
    const { words, parts } = this.#memory
    let used = 0
    for (let part = 0; part < parts; part += 1) used += Atomics.load(words, usedAt + part)
    return used
  }

  /**
   * The record of a key, made where there is none (all fields 0), or a negative outcome. The caller uses
   * it from now on and must `release` it as often as it acquired it; until then its number stays valid.
   */
  acquire(key: string): number {
    if (!this.#slots.take(key)) return keyTooLong
    if (!this.#lock.lock()) return tableBusy
    try {
      const record = this.#findOrInsert()
      if (record < 0) return record
      this.#memory.words[this.#usersAt(record) + this.#owner]! += 1
      this.#touch(record)
      return record
    } finally {
      this.#lock.unlock()
    }
  }

  /** The record of a key that some process uses or that is kept, or -1. Not a use: valid until it is removed. */
  find(key: string): number {
    if (!this.#slots.take(key) || !this.#lock.lock()) return -1
    try {
      return this.#slots.find()
    } finally {
      this.#lock.unlock()
    }
  }

  release(record: number): void {
    const { words } = this.#memory
    const at = this.#usersAt(record)
    assert(words[at + this.#owner]! > 0, 'a record is released as often as it was acquired')
    // Where the lock is not to be had the record stays until it is used again or its place is needed.
    const locked = this.#lock.lock()
    words[at + this.#owner]! -= 1
    if (!locked) return
    try {
      if (this.layout.unused !== 'keep' && !this.#isUsed(record)) this.#slots.remove(record)
    } finally {
      this.#lock.unlock()
    }
  }

  /** How often the record is in use now, over all processes. */
  users(record: number): number {
    const { words } = this.#memory
    const at = this.#usersAt(record)
    const columns = words[columnsAt]!
    let sum = 0
    for (let i = 0; i < columns; i += 1) sum += words[at + i]!
    return sum
  }

  /** Gives back what dead processes held. Called when a child ends, and by every process that attaches. */
  reclaim(): void {
    if (!this.#lock.lock()) return
    try {
      this.#reclaimLocked()
    } finally {
      this.#lock.unlock()
    }
  }

  /** True while the number is that of a record, be it of another key than it was. */
  has(record: number): boolean {
    return this.#slots.isTaken(record)
  }

  key(record: number): string {
    return this.#slots.keyOf(record)
  }

  /** Numbers of all records. */
  records(): Generator<number, void, undefined> {
    return this.#slots.records()
  }

  int32(name: NamesOf<F, 'int32'>): Int32Field {
    const { words, shape } = this.#memory
    return kept(this.#int32s, new Int32Field(words, this.#fieldAt(name), shape.recordWords))
  }

  float64(name: NamesOf<F, 'float64'>): Float64Field {
    const { doubles, shape } = this.#memory
    const field = new Float64Field(doubles, this.#fieldAt(name) / 2, shape.recordWords / 2)
    return kept(this.#float64s, field)
  }

  gauge(name: NamesOf<F, 'gauge'>): ColumnField {
    const { words, shape } = this.#memory
    const at = this.#fieldAt(name)
    return kept(this.#int32s, new ColumnField(words, at, shape.recordWords, this.#columns))
  }

  counter(name: NamesOf<F, 'counter'>): ColumnField {
    const { doubles, shape } = this.#memory
    const at = this.#fieldAt(name) / 2
    return kept(this.#float64s, new ColumnField(doubles, at, shape.recordWords / 2, this.#columns))
  }

  wide(name: NamesOf<F, 'wide'>): WideField {
    const { words, shape } = this.#memory
    return kept(this.#int32s, new WideField(words, this.#fieldAt(name), shape.recordWords))
  }

  /** The histogram of a record, as long as the record is in use. */
  latency(name: NamesOf<F, 'latency'>, record: number): LatencyHistogram {
    return new LatencyHistogram(this.#memory.words, this.#placeOf(name, record))
  }

  /** The counts of a record, as long as the record is in use. */
  statuses(name: NamesOf<F, 'statuses'>, record: number): StatusCounts {
    return new StatusCounts(this.#memory.words, this.#placeOf(name, record))
  }

  /** A lock of one record, whose word is an `int32` field that nothing else uses. */
  lockOf(name: NamesOf<F, 'int32'>, record: number): SharedLock {
    return new SharedLock(this.#memory.words, this.#placeOf(name, record))
  }

  get #columns(): Columns {
    return { own: this.#owner, head: this.#memory.words }
  }

  #onLonger(): void {
    const { words, doubles } = this.#memory
    for (const field of this.#int32s) field.use(words)
    for (const field of this.#float64s) field.use(doubles)
  }

  /** Word of a field in record 0. */
  #fieldAt(name: string): number {
    return this.#placeOf(name, 0)
  }

  #placeOf(name: string, record: number): number {
    return this.#memory.wordOf(record) + this.#memory.shape.words[name]!
  }

  #usersAt(record: number): number {
    return this.#memory.wordOf(record) + this.#memory.shape.usersAt
  }

  #becomeOwner(): number {
    if (!this.#lock.lock())
      throw new Error('the shared table is locked by a process that does not run')
    try {
      this.#reclaimLocked()
      const { words, shape } = this.#memory
      const owners = words.subarray(shape.ownersAt, shape.ownersAt + this.layout.owners)
      const known = owners.indexOf(ownWord)
      const column = known >= 0 ? known : owners.indexOf(0)
      if (column < 0) throw new Error(`more than ${owners.length} processes use one shared table`)
      owners[column] = ownWord
      words[columnsAt] = Math.max(words[columnsAt]!, column + 1)
      return column
    } finally {
      this.#lock.unlock()
    }
  }

  #reclaimLocked(): void {
    const { words, shape } = this.#memory
    // What is out of reach would be the next owner's.
    if (!this.#memory.isWhole) return
    for (let column = 0; column < this.layout.owners; column += 1) {
      const word = words[shape.ownersAt + column]!
      if (word === 0 || isAlive(word)) continue
      this.#emptyColumn(column)
      words[shape.ownersAt + column] = 0
    }
  }

  #emptyColumn(column: number): void {
    const { fields, unused } = this.layout
    const gauges = Object.keys(fields).filter((name) => fields[name] === 'gauge')
    const used = Array.from({ length: this.#memory.parts }, () => 0)
    for (const record of this.records()) {
      const { words } = this.#memory
      for (const name of gauges) words[this.#placeOf(name, record) + column] = 0
      words[this.#usersAt(record) + column] = 0
      if (unused === 'remove' && !this.#isUsed(record)) this.#slots.remove(record)
      else used[Math.floor(record / this.numbersPerPart)]! += 1
    }
    // Counted anew: the process may have died between filling a slot and counting it.
    for (const [part, count] of used.entries()) this.#memory.words[usedAt + part] = count
  }

  #findOrInsert(): number {
    const found = this.#slots.find()
    if (found >= 0) return found
    // Removing, or another part, makes a place for the key.
    if (this.#slots.free < 0) {
      if (!this.#memory.grow() && !this.#removeOldest()) return tableFull
      this.#slots.find()
    }
    const record = this.#slots.free
    if (record < 0) return tableFull
    this.#slots.put(record)
    return record
  }

  /** Gives up the record nobody uses that was touched longest ago, of those whose place the key may have. */
  #removeOldest(): boolean {
    let oldest = -1
    for (let part = 0; part < this.#memory.parts; part += 1) {
      for (let i = 0; i < this.#slots.candidates; i += 1) {
        const record = this.#slots.candidate(part, i)
        if (record < 0 || this.#isUsed(record)) continue
        if (oldest < 0 || this.#isOlder(record, oldest)) oldest = record
      }
    }
    if (oldest >= 0) this.#slots.remove(oldest)
    return oldest >= 0
  }

  #isUsed(record: number): boolean {
    const { words } = this.#memory
    const at = this.#usersAt(record)
    const columns = words[columnsAt]!
    for (let i = 0; i < columns; i += 1) if (words[at + i] !== 0) return true
    return false
  }

  #isOlder(record: number, than: number): boolean {
    const { words } = this.#memory
    // The sign of the difference, because the clock wraps.
    const age =
      words[this.#placeOf(touchedField, record)]! - words[this.#placeOf(touchedField, than)]!
    return (age | 0) < 0
  }

  #touch(record: number): void {
    const { words } = this.#memory
    words[this.#placeOf(touchedField, record)] = Atomics.add(words, clockAt, 1)
  }
}

function kept<List, Field extends List>(list: List[], field: Field): Field {
  list.push(field)
  return field
}
