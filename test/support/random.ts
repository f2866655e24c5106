/**
 * Randomness that can be played again: `TRIJET_SEED=123 npm test -- conf` repeats a failed run.
 */
import type { TestContext } from 'node:test'

/** A seeded generator (sfc32): the same seed gives the same sequence on every machine. */
export class Random {
  readonly seed: number
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(seed: number) {
    this.seed = seed
    this.#a = seed | 0
    this.#b = (seed / 2 ** 32) | 0
    this.#c = 0x9e3779b9 | 0
    for (let round = 0; round < 12; round++) this.uint32()
  }

  /** An integer from 0 to 2³²-1. */
  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }

  /** An integer from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + (this.uint32() % (max - min + 1))
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.uint32() < probability * 2 ** 32
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('pick from an empty list')
    return list[this.uint32() % list.length]!
  }

  /** A shuffled copy. */
  shuffle<T>(list: readonly T[]): T[] {
    const out = [...list]
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.integer(0, i)
      ;[out[i], out[j]] = [out[j]!, out[i]!]
    }
    return out
  }

  bytes(length: number): Buffer {
    const out = Buffer.allocUnsafe(length)
    for (let i = 0; i < length; i++) out[i] = this.uint32() & 0xff
    return out
  }

  /** A text of that many characters of the alphabet. */
  text(length: number, alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'): string {
    let out = ''
    for (let i = 0; i < length; i++) out += alphabet[this.uint32() % alphabet.length]!
    return out
  }
}

/** The generator of a test; its seed is printed when the test fails. */
export function seededRandom(t: TestContext): Random {
  const given = process.env['TRIJET_SEED']
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given)
  if (!Number.isSafeInteger(seed)) throw new Error(`TRIJET_SEED is not an integer: ${given}`)
  t.after(() => {
    if (!t.passed) t.diagnostic(`repeat this run with TRIJET_SEED=${seed}`)
  })
  return new Random(seed)
}
