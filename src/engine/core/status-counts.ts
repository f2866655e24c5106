/**
 * How often each status was answered, in memory that processes share.
 *
 * Few of the possible statuses ever occur, so a status takes a slot when it comes for the first time. Should
 * there be more of them than slots, the rest is counted by its first digit only.
 *
 * ```text
 *   ┌ slot ─────────────────┬ slot ─────────────────┬ … ┬ rest of 1xx ┬ … ┬ rest of 9xx ┐
 *   │ status · count · high │ status · count · high │   │ count · high│   │ count · high│
 *   └───────────────────────┴───────────────────────┴───┴─────────────┴───┴─────────────┘
 * ```
 */
import { addWide, clearWide, readWide, wideWords } from './wide-counter.ts'

const slots = 31
const slotWords = 1 + wideWords
const restsAt = slots * slotWords
const firstDigits = 9
const none = 0

/** Words of 4 bytes that the counts of one thing need. */
export const statusCountsWords: number = restsAt + firstDigits * wideWords

export interface Statuses {
  /** By status, in ascending order. */
  readonly codes: ReadonlyMap<number, number>
  /** Of 1xx to 5xx. */
  readonly classes: readonly number[]
  readonly total: number
}

const classesKnown = 5

export class StatusCounts {
  readonly #words: Int32Array
  readonly #first: number

  /** Over `statusCountsWords` words, from the one given on; in memory of its own without any. */
  constructor(words: Int32Array = new Int32Array(statusCountsWords), first = 0) {
    this.#words = words
    this.#first = first
  }

  /** Counts a status from 100 to 999; anything else is none. */
  count(status: number): void {
    if (!(status >= 100 && status <= 999)) return
    const slot = this.#slotOf(status)
    const rest = restsAt + (Math.floor(status / 100) - 1) * wideWords
    addWide(this.#words, this.#first + (slot < 0 ? rest : slot + 1), 1)
  }

  read(): Statuses {
    const codes = new Map<number, number>()
    const digits = Array.from({ length: firstDigits }, (_, i) =>
      readWide(this.#words, this.#first + restsAt + i * wideWords),
    )
    for (let slot = 0; slot < restsAt; slot += slotWords) {
      const status = Atomics.load(this.#words, this.#first + slot)
      const count = readWide(this.#words, this.#first + slot + 1)
      if (status === none || count === 0) continue
      codes.set(status, count)
      digits[Math.floor(status / 100) - 1]! += count
    }
    return {
      codes: new Map([...codes].sort(([a], [b]) => a - b)),
      classes: digits.slice(0, classesKnown),
      total: digits.reduce((sum, count) => sum + count, 0),
    }
  }

  /** Forgets all counts, for all processes; statuses keep their slots. */
  reset(): void {
    for (let slot = 0; slot < restsAt; slot += slotWords) {
      clearWide(this.#words, this.#first + slot + 1)
    }
    for (let i = restsAt; i < statusCountsWords; i += wideWords) {
      clearWide(this.#words, this.#first + i)
    }
  }

  /** Word of the status's slot, taken where there is none yet; -1 when all are taken by others. */
  #slotOf(status: number): number {
    for (let i = 0; i < slots; i += 1) {
      const slot = ((status + i) % slots) * slotWords
      const at = this.#first + slot
      const word = Atomics.load(this.#words, at)
      if (word === status) return slot
      if (word !== none) continue
      const found = Atomics.compareExchange(this.#words, at, none, status)
      if (found === none || found === status) return slot
    }
    return -1
  }
}
