/**
 * A lock between processes: one word of shared memory that names its holder.
 *
 * Sections under it are a few hundred nanoseconds long, so waiting means spinning, then short naps. When
 * the holder has died, whoever waits takes the lock over; what it protects is therefore written such
 * that every single store leaves it usable. Threads of one process are one holder and must not share it.
 */
import assert from 'node:assert/strict'
import { isAlive, ownWord } from './process-identity.ts'

const free = 0

/** Attempts before the first nap: about the length of two critical sections. */
const spinAttempts = 100
/** A nap gives the processor to a holder that was preempted. */
const napMs = 0.05
/** Naps between two looks at whether the holder still lives: a look reads a file. */
const napsPerLook = 4
/** After that the holder is stopped or starved; callers do without rather than hang with it. */
const napsMax = 2000

const sleeper = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

export class SharedLock {
  readonly #words: Int32Array
  readonly #index: number

  constructor(words: Int32Array, index: number) {
    this.#words = words
    this.#index = index
  }

  /** True when the lock was taken; false when its holder kept it beyond all measure. */
  lock(): boolean {
    return Atomics.compareExchange(this.#words, this.#index, free, ownWord) === free || this.#wait()
  }

  unlock(): void {
    const holder = Atomics.compareExchange(this.#words, this.#index, ownWord, free)
    assert.equal(holder, ownWord, 'a lock is released by its holder')
  }

  #wait(): boolean {
    for (let i = 0; i < spinAttempts; i += 1) if (this.#take(free)) return true
    for (let naps = 0; naps < napsMax; naps += 1) {
      const holder = Atomics.load(this.#words, this.#index)
      assert.notEqual(holder, ownWord, 'a lock is not taken twice')
      const gone = holder !== free && naps % napsPerLook === 0 && !isAlive(holder)
      if (this.#take(gone ? holder : free)) return true
      Atomics.wait(sleeper, 0, 0, napMs)
    }
    return false
  }

  #take(expected: number): boolean {
    return Atomics.compareExchange(this.#words, this.#index, expected, ownWord) === expected
  }
}
