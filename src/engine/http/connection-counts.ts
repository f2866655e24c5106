/**
 * How many connections and requests there are and were, over all workers: what `stub_status` tells.
 *
 * The counts lie in one record of shared memory, in which each process has a column of its own: counting is
 * an addition without a lock, and what a killed worker had open ends with it.
 */
import type { ColumnField } from '../core/shared-fields.ts'
import { processesMax, type TableLayout } from '../core/table-layout.ts'
import { openTable, type ZoneMemory } from '../core/zone-memory.ts'

const fields = {
  accepted: 'counter',
  handled: 'counter',
  requests: 'counter',
  active: 'gauge',
  reading: 'gauge',
  writing: 'gauge',
} as const

const layout: TableLayout<typeof fields> = {
  fields,
  capacity: 1,
  owners: processesMax,
  keyBytesMax: 8,
  unused: 'keep',
}

/** What a request is counted as; subrequests are not counted. */
export const activities = { none: 0, reading: 1, writing: 2 } as const

export interface ConnectionTotals {
  readonly active: number
  readonly accepted: number
  readonly handled: number
  readonly requests: number
  /** Heads that are being read. */
  readonly reading: number
  /** Requests that are being answered. */
  readonly writing: number
  /** Connections without a request. */
  readonly waiting: number
}

export class ConnectionCounts {
  readonly #record: number
  readonly #accepted: ColumnField
  readonly #handled: ColumnField
  readonly #requests: ColumnField
  readonly #active: ColumnField
  readonly #reading: ColumnField
  readonly #writing: ColumnField

  constructor(memory: ZoneMemory) {
    const table = openTable(memory, 'http connections', layout)
    this.#record = table.acquire('http')
    this.#accepted = table.counter('accepted')
    this.#handled = table.counter('handled')
    this.#requests = table.counter('requests')
    this.#active = table.gauge('active')
    this.#reading = table.gauge('reading')
    this.#writing = table.gauge('writing')
  }

  onConnection(): void {
    this.#accepted.add(this.#record, 1)
    this.#handled.add(this.#record, 1)
    this.#active.add(this.#record, 1)
  }

  onConnectionEnd(): void {
    this.#active.add(this.#record, -1)
  }

  /** The first byte of a request has come. */
  onRequest(): void {
    this.#requests.add(this.#record, 1)
    this.#reading.add(this.#record, 1)
  }

  /** Its head is complete. */
  onHead(): void {
    this.#reading.add(this.#record, -1)
    this.#writing.add(this.#record, 1)
  }

  /** `activity`: what it was counted as last. */
  onRequestEnd(activity: number): void {
    const field = activity === activities.writing ? this.#writing : this.#reading
    field.add(this.#record, -1)
  }

  totals(): ConnectionTotals {
    const record = this.#record
    const active = this.#active.sum(record)
    const reading = this.#reading.sum(record)
    const writing = this.#writing.sum(record)
    return {
      active,
      reading,
      writing,
      // Several requests of one connection may be under way at a time (HTTP/2).
      waiting: Math.max(active - reading - writing, 0),
      accepted: this.#accepted.sum(record),
      handled: this.#handled.sum(record),
      requests: this.#requests.sum(record),
    }
  }
}
