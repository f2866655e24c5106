/**
 * Which record of a shared table has which key: a word for each slot, which is a hash of the key or says that
 * there is none.
 *
 * Slots are probed linearly within a window, part after part. Changes happen under the table's lock, and the
 * word of the slot is written last, so that a process killed anywhere leaves a usable table.
 */
import { keyLengthField, usedAt } from './table-layout.ts'
import type { TableMemory } from './table-memory.ts'

const neverUsed = 0
const removed = 1
const hashMin = 2

/** Slots that a key may lie away from where its hash points. */
const probesMax = 128

export class KeySlots {
  readonly #memory: TableMemory
  readonly #capacity: number
  readonly #window: number
  /** The key in hand: its bytes, their number, their hash. */
  readonly #key: Buffer
  #length = 0
  #hash = 0
  #free = -1

  constructor(memory: TableMemory, capacity: number, keyBytesMax: number) {
    this.#memory = memory
    this.#capacity = capacity
    this.#window = Math.min(probesMax, memory.shape.slots)
    this.#key = Buffer.alloc(keyBytesMax)
  }

  /** Takes a key in hand, for `find` and what comes after it. False for one that is too long. */
  take(key: string): boolean {
    // A character takes at most three bytes, so that short keys need not be measured.
    const fits = key.length * 3 <= this.#key.length || Buffer.byteLength(key) <= this.#key.length
    if (!fits) return false
    this.#length = this.#key.write(key)
    this.#hash = hashOf(this.#key, this.#length)
    return true
  }

  /** The record of the key in hand, or -1. */
  find(): number {
    this.#free = -1
    const { parts } = this.#memory
    for (let part = 0; part < parts; part += 1) {
      const found = this.#probe(part)
      if (found >= 0) return found
    }
    return -1
  }

  /** Where the key in hand, which `find` has not found, may be put; -1 where there is no room. */
  get free(): number {
    return this.#free
  }

  /** The record of slot `i` of those that the key in hand may have in a part, or -1. */
  candidate(part: number, i: number): number {
    const { slots, numbers } = this.#memory.shape
    const slot = ((this.#hash >>> 0) + i) % slots
    const word = this.#memory.words[this.#memory.slotsAt(part) + slot]!
    return word === neverUsed || word === removed ? -1 : part * numbers + slot
  }

  /** Slots that a key may have in each part. */
  get candidates(): number {
    return this.#window
  }

  /** Makes a record, all zeros, that of the key in hand. */
  put(record: number): void {
    const { words, bytes, shape } = this.#memory
    const word = this.#memory.wordOf(record)
    words.fill(0, word, word + shape.keyAt)
    bytes.set(this.#key.subarray(0, this.#length), (word + shape.keyAt) * 4)
    words[word + shape.words[keyLengthField]!] = this.#length
    Atomics.store(words, this.#slotOf(record), this.#hash)
    words[usedAt + this.#partOf(record)]! += 1
  }

  remove(record: number): void {
    const { slots, numbers } = this.#memory.shape
    const { words } = this.#memory
    const part = this.#partOf(record)
    const first = this.#memory.slotsAt(part)
    const slot = record - part * numbers
    Atomics.store(words, first + slot, removed)
    words[usedAt + part]! -= 1
    // A run of removed slots before one that was never used need not be walked through again.
    if (words[first + ((slot + 1) % slots)] !== neverUsed) return
    for (let at = slot; words[first + at] === removed; at = (at + slots - 1) % slots) {
      Atomics.store(words, first + at, neverUsed)
    }
  }

  isTaken(record: number): boolean {
    const word = Atomics.load(this.#memory.words, this.#slotOf(record))
    return word !== neverUsed && word !== removed
  }

  keyOf(record: number): string {
    const { words, bytes, shape } = this.#memory
    const word = this.#memory.wordOf(record)
    const start = (word + shape.keyAt) * 4
    const length = words[word + shape.words[keyLengthField]!]!
    return Buffer.from(bytes.buffer, start, length).toString()
  }

  /** Numbers of all records. */
  *records(): Generator<number, void, undefined> {
    const { slots, numbers } = this.#memory.shape
    for (let part = 0; part < this.#memory.parts; part += 1) {
      for (let record = part * numbers; record < part * numbers + slots; record += 1) {
        if (this.isTaken(record)) yield record
      }
    }
  }

  /** Looks through a part for the key in hand, and for a slot that is free where none is known yet. */
  #probe(part: number): number {
    const { slots, numbers } = this.#memory.shape
    const { words } = this.#memory
    const hasRoom = this.#free < 0 && words[usedAt + part]! < this.#capacity
    const first = this.#memory.slotsAt(part)
    const start = (this.#hash >>> 0) % slots
    let free = -1
    for (let i = 0; i < this.#window; i += 1) {
      const slot = (start + i) % slots
      const word = words[first + slot]!
      const record = part * numbers + slot
      if (word === this.#hash && this.#hasKey(record)) return record
      if (word !== neverUsed && word !== removed) continue
      if (free < 0) free = record
      if (word === neverUsed) break
    }
    if (hasRoom) this.#free = free
    return -1
  }

  #hasKey(record: number): boolean {
    const { words, bytes, shape } = this.#memory
    const word = this.#memory.wordOf(record)
    const length = this.#length
    if (words[word + shape.words[keyLengthField]!] !== length) return false
    const start = (word + shape.keyAt) * 4
    for (let i = 0; i < length; i += 1) if (bytes[start + i] !== this.#key[i]) return false
    return true
  }

  #partOf(record: number): number {
    return Math.floor(record / this.#memory.shape.numbers)
  }

  #slotOf(record: number): number {
    const part = this.#partOf(record)
    return this.#memory.slotsAt(part) + record - part * this.#memory.shape.numbers
  }
}

/** FNV-1a, moved away from the words that mean "no record". */
function hashOf(bytes: Uint8Array, length: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  // The low bits choose the slot; the high ones are mixed into them.
  hash ^= hash >>> 15
  return hash >= 0 && hash < hashMin ? hash + hashMin : hash
}
