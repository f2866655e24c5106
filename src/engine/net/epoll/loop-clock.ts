/** The time, read from the system once per batch of events: sessions ask for it at every chunk. */
import type { Clock } from '../transport.ts'

export class LoopClock implements Clock {
  #held = 0
  #holding = false

  now(): number {
    return this.#holding ? this.#held : performance.now()
  }

  /** Stands still from here to `release`. */
  hold(): void {
    this.#held = performance.now()
    this.#holding = true
  }

  release(): void {
    this.#holding = false
  }
}
