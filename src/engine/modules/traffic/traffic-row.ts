/**
 * What is counted of one key by one process: a row of numbers that nobody else writes to.
 *
 * ```text
 *   │ head: generation, requests, bytes, statuses, cache, style │ times of the last ones │ bounds │ timing │ timing …
 *                                                                                                  │
 *                                                          sum · histogram · last ones · counts ◀──┘
 * ```
 *
 * A row counts for the generation of its record that it carries. One of an older generation is what was
 * counted before a reset, or of a key that was there before: nobody adds it up, and its owner empties it
 * before it counts again. So nothing is ever written by two processes.
 */
import { type Latencies, latencyBuckets, latencyBucketOf } from '../../core/latency-histogram.ts'
import { bucketsMax, recentMax } from './limits.ts'

/** How an average is made of the last times. */
export interface TrafficStyle {
  readonly average: 'AMM' | 'WMA'
  /** Older times do not count; 0: all do. */
  readonly periodMs: number
  /** Upper bounds of the buckets that were asked for, in milliseconds. */
  readonly bucketsMs: readonly number[]
}

export const statusClasses = 5
export const cacheStatuses = [
  'miss',
  'bypass',
  'expired',
  'stale',
  'updating',
  'revalidated',
  'hit',
  'scarce',
] as const

/** A remainder of a float takes longer than all the rest of a count. */
const recentMask = recentMax - 1

/** A time that is none. */
const notMeasured = -1

const generationAt = 0
export const requestsAt = 1
export const bytesInAt = 2
export const bytesOutAt = 3
export const statusesAt = 4
export const cacheAt: number = statusesAt + statusClasses
const weightedAt = cacheAt + cacheStatuses.length
const periodAt = weightedAt + 1
const boundCountAt = periodAt + 1
const timesAt = boundCountAt + 1
const boundsAt = timesAt + recentMax
const timingsAt = boundsAt + bucketsMax

const histogramAt = 1
const recentAt = histogramAt + latencyBuckets
const countsAt = recentAt + recentMax
const timingNumbers = countsAt + bucketsMax

/** Numbers of a row with so many timings. */
export function rowNumbers(timings: number): number {
  return timingsAt + timings * timingNumbers
}

interface RowStart {
  readonly generation: number
  readonly style: TrafficStyle
  /** How long the row is. */
  readonly numbers: number
}

/** Empties a row and begins a generation in it. */
export function beginRow(cells: Float64Array, at: number, start: RowStart): void {
  clearRow(cells, at, start)
  cells[at + generationAt] = start.generation
}

function clearRow(cells: Float64Array, at: number, { style, numbers }: RowStart): void {
  // Until the generation stands there, the row counts for none.
  cells[at + generationAt] = 0
  cells.fill(0, at + 1, at + numbers)
  cells[at + weightedAt] = style.average === 'WMA' ? 1 : 0
  cells[at + periodAt] = style.periodMs
  const bounds = style.bucketsMs.slice(0, bucketsMax)
  cells[at + boundCountAt] = bounds.length
  for (const [i, bound] of bounds.entries()) cells[at + boundsAt + i] = bound
}

/** Makes a row of what was counted elsewhere, with no times of single ones. */
export function fillRow(cells: Float64Array, at: number, counted: Counted, start: RowStart): void {
  clearRow(cells, at, start)
  cells[at + requestsAt] = counted.requests
  cells[at + bytesInAt] = counted.bytesIn
  cells[at + bytesOutAt] = counted.bytesOut
  cells.set(counted.statuses.slice(0, statusClasses), at + statusesAt)
  cells.set(counted.cache.slice(0, cacheStatuses.length), at + cacheAt)
  const bounds = cells[at + boundCountAt]!
  for (let first = at + timingsAt, i = 0; first < at + start.numbers; first += timingNumbers) {
    cells.fill(notMeasured, first + recentAt, first + recentAt + recentMax)
    const timing = counted.timings[i++]
    if (timing === undefined) continue
    cells[first] = timing.sumMs
    cells.set(timing.latencies.counts.slice(0, latencyBuckets), first + histogramAt)
    cells.set(timing.bucketCounts.slice(0, bounds), first + countsAt)
  }
  cells[at + generationAt] = start.generation
}

export function generationOf(cells: Float64Array, at: number): number {
  return cells[at + generationAt]!
}

/** Counts what has ended at that time of the wall clock; its timings follow. */
export function countInRow(
  cells: Float64Array,
  at: number,
  status: number,
  bytesIn: number,
  bytesOut: number,
  now: number,
): void {
  const requests = cells[at + requestsAt]!
  cells[at + requestsAt] = requests + 1
  cells[at + bytesInAt]! += bytesIn
  cells[at + bytesOutAt]! += bytesOut
  const digit = (status / 100) | 0
  if (digit >= 1 && digit <= statusClasses) cells[at + statusesAt + digit - 1]! += 1
  cells[at + timesAt + (requests & recentMask)] = now
}

/** Times of what was counted last, in milliseconds; one below 0 was not measured. */
export function timeInRow(cells: Float64Array, at: number, timing: number, ms: number): void {
  const first = at + timingsAt + timing * timingNumbers
  const place = (cells[at + requestsAt]! - 1) & recentMask
  cells[first + recentAt + place] = ms
  if (!(ms >= 0)) return
  cells[first]! += ms
  cells[first + histogramAt + latencyBucketOf(ms)]! += 1
  const bounds = cells[at + boundCountAt]!
  // Cumulative, as they are shown.
  for (let i = bounds - 1; i >= 0 && cells[at + boundsAt + i]! >= ms; i -= 1) {
    cells[first + countsAt + i]! += 1
  }
}

export interface Recent {
  /** Milliseconds of the wall clock. */
  readonly time: number
  readonly ms: number
}

export interface RowTiming {
  readonly sumMs: number
  readonly latencies: Latencies
  /** The last ones, in no order. */
  readonly recent: readonly Recent[]
  readonly bucketCounts: readonly number[]
}

/** What can be added up, without the times of single ones. */
export interface Counted extends Omit<Row, 'timings'> {
  readonly timings: readonly Omit<RowTiming, 'recent'>[]
}

export interface Row {
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** 1xx to 5xx. */
  readonly statuses: readonly number[]
  readonly cache: readonly number[]
  readonly style: TrafficStyle
  readonly timings: readonly RowTiming[]
}

/** Adds a row to a sum, which began as the copy of one; buckets of another form than its own are left out. */
export function addRow(sum: Float64Array, cells: Float64Array, at: number): void {
  for (let i = requestsAt; i < weightedAt; i += 1) sum[i]! += cells[at + i]!
  const buckets = sameBounds(sum, cells, at) ? sum[boundCountAt]! : 0
  for (let first = timingsAt; first < sum.length; first += timingNumbers) {
    for (let i = first; i < first + recentAt; i += 1) sum[i]! += cells[at + i]!
    const counts = first + countsAt
    for (let i = counts; i < counts + buckets; i += 1) sum[i]! += cells[at + i]!
  }
}

function sameBounds(sum: Float64Array, cells: Float64Array, at: number): boolean {
  const end = boundsAt + sum[boundCountAt]!
  for (let i = boundsAt; i < end; i += 1) if (sum[i] !== cells[at + i]) return false
  return sum[boundCountAt] === cells[at + boundCountAt]
}

export function readRow(cells: Float64Array, at: number, timings: number): Row {
  const counted = readCounted(cells, at, timings)
  return {
    ...counted,
    timings: counted.timings.map((timing, i) => {
      return { ...timing, recent: readRecent(cells, at, at + timingsAt + i * timingNumbers) }
    }),
  }
}

/** What is in a row beside the times of single ones. */
export function readCounted(cells: Float64Array, at: number, timings: number): Counted {
  return {
    requests: cells[at + requestsAt]!,
    bytesIn: cells[at + bytesInAt]!,
    bytesOut: cells[at + bytesOutAt]!,
    statuses: listOf(cells, at + statusesAt, statusClasses),
    cache: listOf(cells, at + cacheAt, cacheStatuses.length),
    style: {
      average: cells[at + weightedAt] === 1 ? 'WMA' : 'AMM',
      periodMs: cells[at + periodAt]!,
      bucketsMs: listOf(cells, at + boundsAt, cells[at + boundCountAt]!),
    },
    timings: Array.from({ length: timings }, (_, i) => {
      return readTiming(cells, at, at + timingsAt + i * timingNumbers)
    }),
  }
}

function readTiming(cells: Float64Array, at: number, first: number): Counted['timings'][number] {
  const sumMs = cells[first]!
  const counts = listOf(cells, first + histogramAt, latencyBuckets)
  const bucketCounts = listOf(cells, first + countsAt, cells[at + boundCountAt]!)
  return { sumMs, latencies: { counts, sumMs }, bucketCounts }
}

function readRecent(cells: Float64Array, at: number, first: number): readonly Recent[] {
  const filled = Math.min(cells[at + requestsAt]!, recentMax)
  const recent = Array.from({ length: filled }, (_, i) => {
    return { time: cells[at + timesAt + i]!, ms: cells[first + recentAt + i]! }
  })
  return recent.filter(({ ms }) => ms >= 0)
}

function listOf(cells: Float64Array, first: number, count: number): readonly number[] {
  return Array.from(cells.subarray(first, first + count))
}
