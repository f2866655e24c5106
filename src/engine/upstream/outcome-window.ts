/**
 * Counts over the last while, in two halves: the one that is being filled and the one before it. So sums
 * reach back between one half and a whole window, and forget without a list of events.
 *
 * ```text
 *   ──────┤ before ├┤ now ├──▶ time       every half window "now" becomes "before"
 * ```
 *
 * They lie in the zone of the group and are written under its lock.
 */
import type { Float64Field, Int32Field } from '../core/shared-fields.ts'

/** Fields of a zone's records: of peers for circuit breaking, of groups for their budget of retries. */
export const windowFields = {
  windowAt: 'float64',
  requestsNow: 'int32',
  requestsBefore: 'int32',
  faultsNow: 'int32',
  faultsBefore: 'int32',
  slowNow: 'int32',
  slowBefore: 'int32',
} as const

type CountName = Exclude<keyof typeof windowFields, 'windowAt'>

interface WindowTable {
  int32(name: CountName): Int32Field
  float64(name: 'windowAt'): Float64Field
}

interface Halves {
  readonly now: Int32Field
  readonly before: Int32Field
}

export class WindowCells {
  readonly startedAt: Float64Field
  readonly requests: Halves
  /** Requests that went wrong; of a group, requests that were tried again. */
  readonly faults: Halves
  readonly slow: Halves

  constructor(table: WindowTable) {
    this.startedAt = table.float64('windowAt')
    this.requests = { now: table.int32('requestsNow'), before: table.int32('requestsBefore') }
    this.faults = { now: table.int32('faultsNow'), before: table.int32('faultsBefore') }
    this.slow = { now: table.int32('slowNow'), before: table.int32('slowBefore') }
  }
}

export class OutcomeWindow {
  readonly #cells: WindowCells
  readonly #record: number

  constructor(cells: WindowCells, record: number) {
    this.#cells = cells
    this.#record = record
  }

  get requests(): number {
    return this.#sum(this.#cells.requests)
  }

  get faults(): number {
    return this.#sum(this.#cells.faults)
  }

  get slow(): number {
    return this.#sum(this.#cells.slow)
  }

  countRequest(): void {
    this.#cells.requests.now.add(this.#record, 1)
  }

  countFault(): void {
    this.#cells.faults.now.add(this.#record, 1)
  }

  countSlow(): void {
    this.#cells.slow.now.add(this.#record, 1)
  }

  /** Lets go of what lies further back than the window; to be called before counting and reading. */
  advance(now: number, windowMs: number): void {
    const halfMs = windowMs / 2
    const age = now - this.#cells.startedAt.get(this.#record)
    if (age < halfMs) return
    const { requests, faults, slow } = this.#cells
    for (const halves of [requests, faults, slow]) this.#shift(halves, age < windowMs)
    this.#cells.startedAt.set(this.#record, now)
  }

  clear(now: number): void {
    const { requests, faults, slow } = this.#cells
    for (const halves of [requests, faults, slow]) {
      halves.now.set(this.#record, 0)
      halves.before.set(this.#record, 0)
    }
    this.#cells.startedAt.set(this.#record, now)
  }

  #sum({ now, before }: Halves): number {
    return now.get(this.#record) + before.get(this.#record)
  }

  #shift({ now, before }: Halves, isRecent: boolean): void {
    before.set(this.#record, isRecent ? now.get(this.#record) : 0)
    now.set(this.#record, 0)
  }
}
