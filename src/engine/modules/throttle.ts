/** A limit of bytes a second in one direction: says how long reading must rest. */
import type { Clock } from '../net/transport.ts'

export class Throttle {
  readonly #bytesPerSecond: number
  readonly #clock: Clock
  readonly #startedAt: number
  #bytes = 0

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond
    this.#clock = clock
    this.#startedAt = clock.now()
  }

  /** Counts bytes that were read; returns milliseconds to rest, 0 for none. A second's worth is free, as in nginx. */
  take(bytes: number): number {
    this.#bytes += bytes
    const seconds = (this.#clock.now() - this.#startedAt) / 1000 + 1
    const excess = this.#bytes - this.#bytesPerSecond * seconds
    return excess < 0 ? 0 : Math.ceil((excess * 1000) / this.#bytesPerSecond) + 1
  }
}
