/**
 * One key as one process counts it: finds the row of the key once, and goes on with it for as long as the
 * record is still that of the key.
 */
import type { Int32Field } from '../../core/shared-fields.ts'
import { roomRetryMs } from './limits.ts'
import { beginRow, countInRow, generationOf, timeInRow, type TrafficStyle } from './traffic-row.ts'

/** What a counter needs of its table. */
export interface CounterHome {
  readonly keys: {
    acquire(key: string): number
    release(record: number): void
    has(record: number): boolean
  }
  readonly generations: Int32Field
  readonly rowNumbers: number
  ownRows(record: number): Float64Array
  rowAt(record: number): number
  generationOf(record: number): number
}

/** Records that were held for counters that nobody has any more. */
const held = new FinalizationRegistry<{ readonly home: CounterHome; readonly record: number }>(
  ({ home, record }) => home.keys.release(record),
)

export class TrafficCounter {
  readonly #home: CounterHome
  readonly #key: string
  readonly #style: TrafficStyle
  readonly #holds: boolean
  #cells: Float64Array
  #record = -1
  #generation = 0
  /** Of the row in the cells. */
  #at = -1
  #retryAt = 0

  /** `holds`: the record is kept from being given to another key. */
  constructor(home: CounterHome, key: string, style: TrafficStyle, holds: boolean) {
    this.#home = home
    this.#key = key
    this.#style = style
    this.#holds = holds
    // What there is no memory for is refused now, and not when it is to be counted.
    this.#cells = home.ownRows(0)
  }

  /** Counts what has ended; `now` by the wall clock. False where there is no room for the key. */
  count(status: number, bytesIn: number, bytesOut: number, now: number): boolean {
    if (
      this.#at < 0 ||
      this.#home.generations.get(this.#record) !== this.#generation ||
      // A record that is held is nobody else's.
      (!this.#holds && !this.#home.keys.has(this.#record))
    ) {
      if (!this.#find(now)) return false
    }
    countInRow(this.#cells, this.#at, status, bytesIn, bytesOut, now)
    return true
  }

  /** A time of what was counted last, in milliseconds. */
  time(timing: number, ms: number): void {
    if (this.#at >= 0) timeInRow(this.#cells, this.#at, timing, ms)
  }

  #find(now: number): boolean {
    this.#at = -1
    if (now < this.#retryAt) return false
    const home = this.#home
    if (!this.#holds || this.#record < 0) {
      const record = home.keys.acquire(this.#key)
      if (record < 0) {
        this.#retryAt = now + roomRetryMs
        return false
      }
      this.#record = record
      this.#generation = home.generationOf(record)
      // From here on it may become another key's, which has another generation then.
      if (this.#holds) held.register(this, { home, record })
      else home.keys.release(record)
    } else this.#generation = home.generationOf(this.#record)
    const { rowNumbers: numbers } = home
    if (!this.#openRows()) {
      this.#retryAt = now + roomRetryMs
      return false
    }
    if (generationOf(this.#cells, this.#at) !== this.#generation) {
      beginRow(this.#cells, this.#at, {
        generation: this.#generation,
        style: this.#style,
        numbers,
      })
    }
    return true
  }

  /** Those of a table that has grown may find no memory. */
  #openRows(): boolean {
    try {
      this.#cells = this.#home.ownRows(this.#record)
      this.#at = this.#home.rowAt(this.#record)
      return true
    } catch {
      return false
    }
  }
}
