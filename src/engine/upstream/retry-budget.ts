/**
 * `retry_budget`: bounds how many requests are tried again, so that a group in distress is not given
 * many times its load.
 *
 * Within the window as many attempts may be second ones (or later) as are `percent` of the requests, and
 * `min` in any case. Beyond that a request is answered with what its first server said.
 */
import { OutcomeWindow, type WindowCells } from './outcome-window.ts'

export interface RetryBudgetConfig {
  readonly percent: number
  readonly retriesMin: number
  readonly windowMs: number
}

export class RetryBudget {
  readonly #config: RetryBudgetConfig
  readonly #window: OutcomeWindow

  /** Lies in the group's own record. */
  constructor(config: RetryBudgetConfig, cells: WindowCells, record: number) {
    this.#config = config
    this.#window = new OutcomeWindow(cells, record)
  }

  countRequest(now: number): void {
    this.#window.advance(now, this.#config.windowMs)
    this.#window.countRequest()
  }

  countRetry(): void {
    this.#window.countFault()
  }

  get allows(): boolean {
    const { percent, retriesMin } = this.#config
    const { requests, faults: retries } = this.#window
    return retries < Math.max(retriesMin, (requests * percent) / 100)
  }
}
