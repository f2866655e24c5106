/**
 * An allowance that is spent by what a peer makes us do for nothing, and comes back with time and with work
 * that is worth it. A peer that has used it up is asked to go.
 */
export interface Allowance {
  readonly burst: number
  readonly perSecond: number
}

export class FloodGuard {
  readonly #allowance: Allowance
  #left: number
  #at: number

  constructor(allowance: Allowance, nowMs: number) {
    this.#allowance = allowance
    this.#left = allowance.burst
    this.#at = nowMs
  }

  /** False when there is nothing left. */
  spend(nowMs: number): boolean {
    if (this.#left < 1) {
      const { burst, perSecond } = this.#allowance
      this.#left = Math.min(burst, this.#left + ((nowMs - this.#at) * perSecond) / 1000)
      this.#at = nowMs
    }
    this.#left -= 1
    return this.#left >= 0
  }

  earn(count: number): void {
    this.#left = Math.min(this.#allowance.burst, this.#left + count)
  }
}
