/** What was counted of one key, added up over all processes. */
import { addLatencies, type Latencies } from '../../core/latency-histogram.ts'
import { recentShownMax } from './limits.ts'
import type { Recent, Row, TrafficStyle } from './traffic-row.ts'

export interface Timing {
  readonly sumMs: number
  readonly latencies: Latencies
  /** Of all processes, the oldest first. */
  readonly recent: readonly Recent[]
  /** By bound, cumulative. */
  readonly bucketCounts: readonly number[]
}

export interface Traffic extends Omit<Row, 'timings'> {
  /** What the key is made of: its group, where it has one, and its name. */
  readonly group: string
  readonly name: string
  readonly timings: readonly Timing[]
}

const plainStyle: TrafficStyle = Object.freeze({ average: 'AMM', periodMs: 60_000, bucketsMs: [] })

/** Several rows as one; buckets of another form than those of the first are left out. */
export function addRows(
  rows: readonly Omit<Traffic, 'group' | 'name'>[],
  timings: number,
): Omit<Traffic, 'group' | 'name'> {
  const style = rows[0]?.style ?? plainStyle
  const alike = rows.filter((row) => sameNumbers(row.style.bucketsMs, style.bucketsMs))
  return {
    requests: total(rows.map(({ requests }) => requests)),
    bytesIn: total(rows.map(({ bytesIn }) => bytesIn)),
    bytesOut: total(rows.map(({ bytesOut }) => bytesOut)),
    statuses: addLists(rows.map(({ statuses }) => statuses)),
    cache: addLists(rows.map(({ cache }) => cache)),
    style,
    timings: Array.from({ length: timings }, (_, i) => {
      const parts = rows.map((row) => row.timings[i]!)
      return {
        sumMs: total(parts.map(({ sumMs }) => sumMs)),
        latencies: addLatencies(parts.map(({ latencies }) => latencies)),
        recent: parts
          .flatMap(({ recent }) => recent)
          .sort((a, b) => a.time - b.time)
          .slice(-recentShownMax),
        bucketCounts: addLists(alike.map((row) => row.timings[i]!.bucketCounts)),
      }
    }),
  }
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}

function addLists(lists: readonly (readonly number[])[]): readonly number[] {
  return (lists[0] ?? []).map((_, i) => total(lists.map((list) => list[i] ?? 0)))
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, i) => number === b[i])
}
