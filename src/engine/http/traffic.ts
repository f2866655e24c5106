/**
 * Traffic counted by virtual server and by keys: requests, bytes, classes of statuses, exact over all
 * workers, in a table of bounded size whose oldest keys make room for new ones.
 */
import type { ColumnField } from '../core/shared-fields.ts'
import { SharedTable } from '../core/shared-table.ts'
import { processesMax, tableBytes, type TableLayout } from '../core/table-layout.ts'
import type { ZoneMemory } from '../modules/limit-conn.ts'
import type { Request } from './request.ts'
import { visibleStatus } from './status.ts'

const fields = {
  requests: 'counter',
  bytesIn: 'counter',
  bytesOut: 'counter',
  status1xx: 'counter',
  status2xx: 'counter',
  status3xx: 'counter',
  status4xx: 'counter',
  status5xx: 'counter',
} as const

type Counter = keyof typeof fields

export type TrafficRow = { readonly [Name in Counter]: number } & { readonly key: string }

const counters = Object.keys(fields) as readonly Counter[]
const statusClasses = ['status1xx', 'status2xx', 'status3xx', 'status4xx', 'status5xx'] as const

/** Longer keys are cut: they come from requests. */
const keyBytesMax = 255

export interface TrafficZone {
  readonly name: string
  readonly bytes: number
}

export class TrafficTable {
  readonly #table: SharedTable<typeof fields>
  readonly #counters: Readonly<Record<Counter, ColumnField>>

  constructor(memory: ZoneMemory, zone: TrafficZone) {
    const layout = layoutOf(zone)
    this.#table = new SharedTable(memory.open(`traffic:${zone.name}`, tableBytes(layout)), layout)
    const entries = counters.map((name) => [name, this.#table.counter(name)] as const)
    this.#counters = Object.fromEntries(entries) as Record<Counter, ColumnField>
  }

  /** Counts a request that is over under a key. */
  count(key: string, request: Request): void {
    const record = this.#table.acquire(key.slice(0, keyBytesMax))
    if (record < 0) return
    const all = this.#counters
    all.requests.add(record, 1)
    all.bytesIn.add(record, request.head.end + request.body.received)
    all.bytesOut.add(record, request.bytesSent)
    const kind = statusClasses[Math.floor(visibleStatus(request.response.status) / 100) - 1]
    if (kind !== undefined) all[kind].add(record, 1)
    this.#table.release(record)
  }

  /** What was counted so far. */
  *rows(): Generator<TrafficRow, void, undefined> {
    for (const record of this.#table.records()) {
      const sums = counters.map((name) => [name, this.#counters[name].sum(record)] as const)
      const row = Object.fromEntries(sums) as Record<Counter, number>
      yield { ...row, key: this.#table.key(record) }
    }
  }
}

/** As many keys as the zone's size has room for, two at least. */
function layoutOf({ bytes }: TrafficZone): TableLayout<typeof fields> {
  const layout = { fields, owners: processesMax, keyBytesMax, unused: 'keep' } as const
  const one = tableBytes({ ...layout, capacity: 1 })
  const each = tableBytes({ ...layout, capacity: 2 }) - one
  const capacity = Math.max(2, Math.floor((bytes - one) / Math.max(each, 1)))
  return { ...layout, capacity }
}
