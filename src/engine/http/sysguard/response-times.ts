/**
 * The average time that requests took lately: second by second, in a ring.
 *
 * ```text
 *   AMM  all requests of the last seconds count the same
 *   WMA  the averages of the seconds count, the last one most: n, n−1, … 1
 * ```
 */
export type AverageMethod = 'AMM' | 'WMA'

export interface AverageRule {
  readonly method: AverageMethod
  /** How many seconds count. */
  readonly samples: number
  /** How long an average holds. */
  readonly periodMs: number
}

export class ResponseTimes {
  readonly #rule: AverageRule
  /** Milliseconds on a clock that is never set. */
  readonly #now: () => number
  /** Of each second of the ring: which one it is, its requests, and how long they took together. */
  readonly #seconds: Float64Array
  readonly #counts: Float64Array
  readonly #sums: Float64Array
  #average = 0
  #holdsUntil = -Infinity

  constructor(rule: AverageRule, now: () => number) {
    this.#rule = rule
    this.#now = now
    this.#seconds = new Float64Array(rule.samples).fill(-1)
    this.#counts = new Float64Array(rule.samples)
    this.#sums = new Float64Array(rule.samples)
  }

  add(ms: number): void {
    const second = Math.floor(this.#now() / 1000)
    const at = second % this.#rule.samples
    if (this.#seconds[at] !== second) {
      this.#seconds[at] = second
      this.#counts[at] = 0
      this.#sums[at] = 0
    }
    this.#counts[at]! += 1
    this.#sums[at]! += ms
  }

  /** Milliseconds; 0 where there were no requests. */
  get averageMs(): number {
    const now = this.#now()
    if (now >= this.#holdsUntil) {
      this.#average = this.#compute(Math.floor(now / 1000))
      this.#holdsUntil = now + this.#rule.periodMs
    }
    return this.#average
  }

  #compute(present: number): number {
    const { samples, method } = this.#rule
    let weights = 0
    let sum = 0
    for (let age = 0; age < samples; age++) {
      const second = present - age
      const at = ((second % samples) + samples) % samples
      const count = this.#counts[at]!
      if (this.#seconds[at] !== second || count === 0) continue
      const weight = method === 'AMM' ? count : samples - age
      weights += weight
      sum += (weight * this.#sums[at]!) / count
    }
    return weights === 0 ? 0 : sum / weights
  }
}
