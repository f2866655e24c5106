/**
 * When a child that died starts again: at once, then later and later while it keeps dying.
 *
 * OpenNJet lets twelve seconds pass between two starts of a crashing copilot. Here a first crash costs
 * nothing, and the wait grows to those twelve seconds only for what crashes again and again.
 *
 * ```text
 *   dies after a long life    0 s
 *   dies again soon           0.5 s   1 s   2 s   4 s   8 s   12 s   12 s …
 * ```
 */
import { processLimits } from './limits.ts'

export class BackOff {
  #quickDeaths = 0

  /** Milliseconds to wait, given how long the child lived. */
  next(livedMs: number): number {
    if (livedMs >= processLimits.restartStableMs) this.#quickDeaths = 0
    this.#quickDeaths += 1
    if (this.#quickDeaths === 1) return 0
    const delay = processLimits.restartDelayMsMin * 2 ** Math.min(this.#quickDeaths - 2, 16)
    return Math.min(delay, processLimits.restartDelayMsMax)
  }
}
