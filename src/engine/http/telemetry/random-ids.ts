/**
 * Random numbers for identifiers of traces and spans: xoshiro128**, seeded once by the system.
 *
 * They must differ, not be secret; the system's own generator costs a hundred times as much.
 */
import { randomFillSync } from 'node:crypto'

/** Those of the process, seeded by the first request that needs it. */
let random: RandomIds | undefined

export function randomIds(): RandomIds {
  return (random ??= new RandomIds())
}

export class RandomIds {
  #a: number
  #b: number
  #c: number
  #d: number

  /** `seed`: four words, not all zero. */
  constructor(seed: Uint32Array = randomFillSync(new Uint32Array(4))) {
    this.#a = seed[0]! | 0
    this.#b = seed[1]! | 0
    this.#c = seed[2]! | 0
    // All zero would stay all zero.
    this.#d = seed[3]! | 1
  }

  /** 32 random bits, without a sign. */
  next(): number {
    const five = Math.imul(this.#b, 5)
    const result = Math.imul((five << 7) | (five >>> 25), 9)
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result >>> 0
  }
}
