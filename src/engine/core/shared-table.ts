/**
 * A hash table of fixed capacity in memory that processes share: text key → record of numbers.
 *
 * Every process that writes is an *owner* and has a column of its own in gauges and counters, whose value
 * is the sum over the columns. So nothing is ever lost between two writers, and what a killed process
 * held (connections, references) is given back by emptying its column.
 *
 * Slots are probed linearly within a window. Changes of the table's shape happen under its lock, and the
 * word of the slot is written last, so that a process killed anywhere leaves a usable table.
 */
import assert from 'node:assert/strict'
import { isAlive, ownWord } from './process-identity.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { type Columns, ColumnField, Float64Field, Int32Field, WideField } from './shared-fields.ts'
import { SharedLock } from './shared-lock.ts'
import { StatusCounts } from './status-counts.ts'
import {
  clockAt,
  columnsAt,
  type Fields,
  keyLengthField,
  lockAt,
  type NamesOf,
  shapeOf,
  signatureAt,
  type TableLayout,
  type TableShape,
  touchedField,
  usedAt,
} from './table-layout.ts'

/** Why `acquire` gave no record. All are below 0. */
export const tableFull = -1
export const keyTooLong = -2
/** The lock could not be had: its holder is stopped. */
export const tableBusy = -3

const neverUsed = 0
const removed = 1
const hashMin = 2

/** Slots that a key may lie away from where its hash points. */
const probesMax = 128

export class SharedTable<F extends Fields> {
  readonly layout: TableLayout<F>
  readonly #shape: TableShape
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  readonly #bytes: Uint8Array
  readonly #lock: SharedLock
  readonly #owner: number
  /** Bytes of the key that is looked for. */
  readonly #key: Buffer
  /** Result of the last probe, used again by each. */
  readonly #probed: Probe = { found: -1, free: -1 }

  /** Attaches to a table, or starts one where all bytes are zero. The process becomes an owner. */
  constructor(buffer: ArrayBuffer, layout: TableLayout<F>) {
    const shape = shapeOf(layout)
    assert(buffer.byteLength >= shape.bytes, 'the memory holds the table')
    this.layout = layout
    this.#shape = shape
    this.#words = new Int32Array(buffer, 0, shape.bytes / 4)
    this.#doubles = new Float64Array(buffer, 0, Math.floor(shape.bytes / 8))
    this.#bytes = new Uint8Array(buffer, 0, shape.bytes)
    this.#lock = new SharedLock(this.#words, lockAt)
    this.#key = Buffer.alloc(layout.keyBytesMax)
    const found = Atomics.compareExchange(this.#words, signatureAt, 0, shape.signature)
    if (found !== 0 && found !== shape.signature) {
      throw new Error('the shared memory holds a table of another layout')
    }
    this.#owner = this.#becomeOwner()
  }

  /** Numbers of records are below this. */
  get slots(): number {
    return this.#shape.slots
  }

  /** The column of this process; when it ends, whoever attaches next may have it. */
  get owner(): number {
    return this.#owner
  }

  /** Columns that were ever taken are below this. */
  get columns(): number {
    return this.#words[columnsAt]!
  }

  /** Records in the table. */
  get used(): number {
    return Atomics.load(this.#words, usedAt)
  }

  /**
   * The record of a key, made where there is none (all fields 0), or a negative outcome. The caller uses
   * it from now on and must `release` it as often as it acquired it; until then its number stays valid.
   */
  acquire(key: string): number {
    const length = this.#encode(key)
    if (length < 0) return keyTooLong
    if (!this.#lock.lock()) return tableBusy
    try {
      const record = this.#findOrInsert(length)
      if (record < 0) return record
      this.#words[this.#wordOf(record) + this.#shape.usersAt + this.#owner]! += 1
      this.#touch(record)
      return record
    } finally {
      this.#lock.unlock()
    }
  }

  /** The record of a key that some process uses or that is kept, or -1. Not a use: valid until it is removed. */
  find(key: string): number {
    const length = this.#encode(key)
    if (length < 0 || !this.#lock.lock()) return -1
    try {
      return this.#probe(hashOf(this.#key, length), length).found
    } finally {
      this.#lock.unlock()
    }
  }

  release(record: number): void {
    const at = this.#wordOf(record) + this.#shape.usersAt
    assert(this.#words[at + this.#owner]! > 0, 'a record is released as often as it was acquired')
    // Where the lock is not to be had the record stays until it is used again or its place is needed.
    const locked = this.#lock.lock()
    this.#words[at + this.#owner]! -= 1
    if (!locked) return
    try {
      if (this.layout.unused !== 'keep' && !this.#isUsed(record)) this.#remove(record)
    } finally {
      this.#lock.unlock()
    }
  }

  /** How often the record is in use now, over all processes. */
  users(record: number): number {
    const at = this.#wordOf(record) + this.#shape.usersAt
    const columns = this.#words[columnsAt]!
    let sum = 0
    for (let i = 0; i < columns; i += 1) sum += this.#words[at + i]!
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
    return this.#isTaken(record)
  }

  key(record: number): string {
    const word = this.#wordOf(record)
    const start = (word + this.#shape.keyAt) * 4
    const length = this.#words[word + this.#shape.words[keyLengthField]!]!
    return Buffer.from(this.#bytes.buffer, start, length).toString()
  }

  /** Numbers of all records. */
  *records(): Generator<number, void, undefined> {
    for (let record = 0; record < this.#shape.slots; record += 1) {
      if (this.#isTaken(record)) yield record
    }
  }

  int32(name: NamesOf<F, 'int32'>): Int32Field {
    return new Int32Field(this.#words, this.#fieldAt(name), this.#shape.recordWords)
  }

  float64(name: NamesOf<F, 'float64'>): Float64Field {
    return new Float64Field(this.#doubles, this.#fieldAt(name) / 2, this.#shape.recordWords / 2)
  }

  gauge(name: NamesOf<F, 'gauge'>): ColumnField {
    return new ColumnField(this.#words, this.#fieldAt(name), this.#shape.recordWords, this.#columns)
  }

  counter(name: NamesOf<F, 'counter'>): ColumnField {
    const stride = this.#shape.recordWords / 2
    return new ColumnField(this.#doubles, this.#fieldAt(name) / 2, stride, this.#columns)
  }

  wide(name: NamesOf<F, 'wide'>): WideField {
    return new WideField(this.#words, this.#fieldAt(name), this.#shape.recordWords)
  }

  /** The histogram of a record, as long as the record is in use. */
  latency(name: NamesOf<F, 'latency'>, record: number): LatencyHistogram {
    return new LatencyHistogram(this.#words, this.#placeOf(name, record))
  }

  /** The counts of a record, as long as the record is in use. */
  statuses(name: NamesOf<F, 'statuses'>, record: number): StatusCounts {
    return new StatusCounts(this.#words, this.#placeOf(name, record))
  }

  /** A lock of one record, whose word is an `int32` field that nothing else uses. */
  lockOf(name: NamesOf<F, 'int32'>, record: number): SharedLock {
    return new SharedLock(this.#words, this.#placeOf(name, record))
  }

  get #columns(): Columns {
    return { own: this.#owner, head: this.#words }
  }

  /** Word of a field in record 0. */
  #fieldAt(name: string): number {
    return this.#shape.recordsAt + this.#shape.words[name]!
  }

  #placeOf(name: string, record: number): number {
    return this.#fieldAt(name) + record * this.#shape.recordWords
  }

  #wordOf(record: number): number {
    return this.#shape.recordsAt + record * this.#shape.recordWords
  }

  #becomeOwner(): number {
    if (!this.#lock.lock())
      throw new Error('the shared table is locked by a process that does not run')
    try {
      this.#reclaimLocked()
      const { ownersAt } = this.#shape
      const owners = this.#words.subarray(ownersAt, ownersAt + this.layout.owners)
      const known = owners.indexOf(ownWord)
      const column = known >= 0 ? known : owners.indexOf(0)
      if (column < 0) throw new Error(`more than ${owners.length} processes use one shared table`)
      owners[column] = ownWord
      this.#words[columnsAt] = Math.max(this.#words[columnsAt]!, column + 1)
      return column
    } finally {
      this.#lock.unlock()
    }
  }

  #reclaimLocked(): void {
    const { ownersAt } = this.#shape
    for (let column = 0; column < this.layout.owners; column += 1) {
      const word = this.#words[ownersAt + column]!
      if (word === 0 || isAlive(word)) continue
      this.#emptyColumn(column)
      this.#words[ownersAt + column] = 0
    }
  }

  #emptyColumn(column: number): void {
    const gauges = Object.keys(this.layout.fields).filter(
      (name) => this.layout.fields[name] === 'gauge',
    )
    let used = 0
    for (const record of this.records()) {
      const word = this.#wordOf(record)
      for (const name of gauges) this.#words[word + this.#shape.words[name]! + column] = 0
      this.#words[word + this.#shape.usersAt + column] = 0
      if (this.layout.unused === 'remove' && !this.#isUsed(record)) this.#remove(record)
      else used += 1
    }
    // Counted anew: the process may have died between filling a slot and counting it.
    this.#words[usedAt] = used
  }

  #findOrInsert(length: number): number {
    const hash = hashOf(this.#key, length)
    if (this.#probe(hash, length).found >= 0) return this.#probed.found
    if (this.#probed.free < 0 || this.used >= this.layout.capacity) {
      const oldest = this.#oldestUnused(hash)
      if (oldest < 0) return tableFull
      this.#remove(oldest)
      // Removing may have shortened the run of slots in which the key is looked for.
      this.#probe(hash, length)
    }
    const record = this.#probed.free
    this.#insert(record, hash, length)
    return record
  }

  /** Looks through the window of a hash for the key and for the first slot that is free. */
  #probe(hash: number, length: number): Probe {
    const { slots, slotsAt } = this.#shape
    const start = (hash >>> 0) % slots
    const result = this.#probed
    result.found = -1
    result.free = -1
    for (let i = 0; i < probesMax && i < slots; i += 1) {
      const record = (start + i) % slots
      const word = this.#words[slotsAt + record]!
      if (word === hash && this.#hasKey(record, length)) {
        result.found = record
        return result
      }
      if (word !== neverUsed && word !== removed) continue
      if (result.free < 0) result.free = record
      if (word === neverUsed) return result
    }
    return result
  }

  /** The record in the window of a hash that nobody uses and that was touched longest ago, or -1. */
  #oldestUnused(hash: number): number {
    const { slots } = this.#shape
    const start = (hash >>> 0) % slots
    let oldest = -1
    for (let i = 0; i < probesMax && i < slots; i += 1) {
      const record = (start + i) % slots
      if (!this.#isTaken(record) || this.#isUsed(record)) continue
      if (oldest < 0 || this.#isOlder(record, oldest)) oldest = record
    }
    return oldest
  }

  #insert(record: number, hash: number, length: number): void {
    const word = this.#wordOf(record)
    this.#words.fill(0, word, word + this.#shape.keyAt)
    this.#bytes.set(this.#key.subarray(0, length), (word + this.#shape.keyAt) * 4)
    this.#words[word + this.#shape.words[keyLengthField]!] = length
    Atomics.store(this.#words, this.#shape.slotsAt + record, hash)
    this.#words[usedAt]! += 1
  }

  #remove(record: number): void {
    const { slots, slotsAt } = this.#shape
    Atomics.store(this.#words, slotsAt + record, removed)
    this.#words[usedAt]! -= 1
    // A run of removed slots before one that was never used need not be walked through again.
    if (this.#words[slotsAt + ((record + 1) % slots)] !== neverUsed) return
    for (let at = record; this.#words[slotsAt + at] === removed; at = (at + slots - 1) % slots) {
      Atomics.store(this.#words, slotsAt + at, neverUsed)
    }
  }

  #isTaken(record: number): boolean {
    const word = Atomics.load(this.#words, this.#shape.slotsAt + record)
    return word !== neverUsed && word !== removed
  }

  #isUsed(record: number): boolean {
    const at = this.#wordOf(record) + this.#shape.usersAt
    const columns = this.#words[columnsAt]!
    for (let i = 0; i < columns; i += 1) if (this.#words[at + i] !== 0) return true
    return false
  }

  #isOlder(record: number, than: number): boolean {
    const touched = this.#shape.words[touchedField]!
    // The sign of the difference, because the clock wraps.
    const age =
      this.#words[this.#wordOf(record) + touched]! - this.#words[this.#wordOf(than) + touched]!
    return (age | 0) < 0
  }

  #touch(record: number): void {
    const tick = Atomics.add(this.#words, clockAt, 1)
    this.#words[this.#wordOf(record) + this.#shape.words[touchedField]!] = tick
  }

  #hasKey(record: number, length: number): boolean {
    const word = this.#wordOf(record)
    if (this.#words[word + this.#shape.words[keyLengthField]!] !== length) return false
    const start = (word + this.#shape.keyAt) * 4
    for (let i = 0; i < length; i += 1) if (this.#bytes[start + i] !== this.#key[i]) return false
    return true
  }

  /** Puts the key's bytes in place. Returns their number, or -1. */
  #encode(key: string): number {
    // A character takes at most three bytes, so that short keys need not be measured.
    const fits = key.length * 3 <= this.#key.length || Buffer.byteLength(key) <= this.#key.length
    return fits ? this.#key.write(key) : -1
  }
}

interface Probe {
  found: number
  free: number
}

/** FNV-1a, moved away from the words that mean "no record". */
function hashOf(bytes: Uint8Array, length: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  // The low bits choose the slot; the high ones are mixed into them.
  hash ^= hash >>> 15
  return hash >= 0 && hash < hashMin ? hash + hashMin : hash
}
