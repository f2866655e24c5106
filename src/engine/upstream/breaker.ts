/**
 * `circuit_breaker`: takes a peer out of use that answers with errors or too late, and lets it back by trials.
 *
 * ```text
 *            error_ratio · slow_ratio · consecutive
 *   closed ──────────────────────────────────────────▶ open
 *     ▲                                                 │ after `open`
 *     │ half_open trials went well                      ▼
 *     └───────────────────────────────────────────── half-open
 *                                                       │ one went wrong
 *                                                       └──────────────▶ open
 * ```
 *
 * An error is an attempt that failed, or a response with a status of 5xx. What counts as slow is the time to
 * the head of a response, in streams to the connection; so a long download or a WebSocket is not slow.
 * Attempts that the client gave up before an answer say nothing.
 *
 * Ratios hold over the `window`, of at least `min_requests`. No more than `max_ejection` percent of a
 * group's peers are out of use at a time: the one that would be too many stays, and is counted anew.
 *
 * State lies in the peer's record and changes under the group's lock, so that all workers agree.
 */
import type { Float64Field, Int32Field } from '../core/shared-fields.ts'
import { OutcomeWindow, type WindowCells } from './outcome-window.ts'

export interface BreakerConfig {
  /** Percent of requests; 0: errors in a window do not count. */
  readonly errorRatio: number
  /** From there on an answer is slow; 0: none is. */
  readonly slowMs: number
  readonly slowRatio: number
  /** Errors one after the other; 0: do not count. */
  readonly consecutive: number
  readonly windowMs: number
  readonly requestsMin: number
  /** How long a peer gets no request before it is tried. */
  readonly openMs: number
  /** Requests that must go well to close the circuit, and that may be on trial at a time. */
  readonly trials: number
  /** Percent of the group's peers. */
  readonly ejectionMax: number
}

/** How an attempt at a peer ended. */
export interface Outcome {
  /** It was one of those that try a peer out. */
  readonly trial: boolean
  readonly failed: boolean
  /** Milliseconds until the answer began, or -1 where none did. */
  readonly answerMs: number
}

const closed = 0
const open = 1
const halfOpen = 2

/** Fields of a zone's records. */
export const breakerFields = {
  breaker: 'int32',
  consecutiveFaults: 'int32',
  /** Trials that were begun, and those that went well. */
  trials: 'int32',
  trialsPassed: 'int32',
  /** When the next state is due: half-open, or trials anew where they were lost with their process. */
  breakerUntil: 'float64',
} as const

interface BreakerTable {
  int32(name: Exclude<keyof typeof breakerFields, 'breakerUntil'>): Int32Field
  float64(name: 'breakerUntil'): Float64Field
}

export class BreakerCells {
  readonly state: Int32Field
  readonly consecutive: Int32Field
  readonly trials: Int32Field
  readonly trialsPassed: Int32Field
  readonly until: Float64Field

  constructor(table: BreakerTable) {
    this.state = table.int32('breaker')
    this.consecutive = table.int32('consecutiveFaults')
    this.trials = table.int32('trials')
    this.trialsPassed = table.int32('trialsPassed')
    this.until = table.float64('breakerUntil')
  }
}

/** What an outcome changed; a circuit that `opened` may be one too many, which the group knows. */
export type BreakerChange = 'opened' | 'reopened' | 'closed' | undefined

export class PeerBreaker {
  readonly #cells: BreakerCells
  readonly #record: number
  readonly #window: OutcomeWindow

  constructor(cells: BreakerCells, window: WindowCells, record: number) {
    this.#cells = cells
    this.#record = record
    this.#window = new OutcomeWindow(window, record)
  }

  /** Its circuit is open, or on trial. */
  get isOut(): boolean {
    return this.#cells.state.get(this.#record) !== closed
  }

  /** True when a request may go to the peer now. */
  admits({ trials }: BreakerConfig, now: number): boolean {
    const state = this.#cells.state.get(this.#record)
    if (state === closed) return true
    if (now >= this.#cells.until.get(this.#record)) return true
    return state === halfOpen && this.#cells.trials.get(this.#record) < trials
  }

  /** A request goes to the peer that was admitted; true when it is a trial. */
  begin({ openMs }: BreakerConfig, now: number): boolean {
    const { state, trials, trialsPassed, until } = this.#cells
    if (state.get(this.#record) === closed) return false
    if (now >= until.get(this.#record)) {
      state.set(this.#record, halfOpen)
      trials.set(this.#record, 0)
      trialsPassed.set(this.#record, 0)
      until.set(this.#record, now + openMs)
    }
    trials.add(this.#record, 1)
    return true
  }

  end(config: BreakerConfig, outcome: Outcome, now: number): BreakerChange {
    const state = this.#cells.state.get(this.#record)
    if (state === closed) return this.#count(config, outcome, now)
    // What was under way when the circuit opened says nothing new.
    return state === halfOpen && outcome.trial ? this.#endTrial(config, outcome, now) : undefined
  }

  /** It would be one too many: the peer stays in use and is counted anew. */
  takeBack(now: number): void {
    this.#close(now)
  }

  #endTrial(config: BreakerConfig, { failed, answerMs }: Outcome, now: number): BreakerChange {
    const { trials, trialsPassed } = this.#cells
    if (failed || isSlow(config, answerMs)) {
      this.#open(config, now)
      return 'reopened'
    }
    if (answerMs < 0) trials.add(this.#record, -1)
    else if (trialsPassed.add(this.#record, 1) + 1 >= config.trials) {
      this.#close(now)
      return 'closed'
    }
    return undefined
  }

  #count(config: BreakerConfig, { failed, answerMs }: Outcome, now: number): BreakerChange {
    if (!failed && answerMs < 0) return undefined
    const window = this.#window
    window.advance(now, config.windowMs)
    window.countRequest()
    if (isSlow(config, answerMs)) window.countSlow()
    if (failed) {
      window.countFault()
      this.#cells.consecutive.add(this.#record, 1)
    } else this.#cells.consecutive.set(this.#record, 0)
    if (!this.#isTooBad(config)) return undefined
    this.#open(config, now)
    return 'opened'
  }

  #isTooBad({ consecutive, requestsMin, errorRatio, slowRatio }: BreakerConfig): boolean {
    if (consecutive > 0 && this.#cells.consecutive.get(this.#record) >= consecutive) return true
    const { requests, faults, slow } = this.#window
    if (requests < requestsMin) return false
    return exceeds(faults, requests, errorRatio) || exceeds(slow, requests, slowRatio)
  }

  #open({ openMs }: BreakerConfig, now: number): void {
    this.#cells.until.set(this.#record, now + openMs)
    this.#cells.state.set(this.#record, open)
  }

  #close(now: number): void {
    this.#window.clear(now)
    this.#cells.consecutive.set(this.#record, 0)
    this.#cells.state.set(this.#record, closed)
  }
}

function isSlow({ slowMs }: BreakerConfig, answerMs: number): boolean {
  return slowMs > 0 && answerMs >= slowMs
}

function exceeds(part: number, all: number, percent: number): boolean {
  return percent > 0 && part * 100 >= all * percent
}
