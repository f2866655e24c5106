/**
 * A histogram of times in memory that processes share: each adds to it, anyone reads it, nothing is lost.
 *
 * The buckets are log-linear and the same everywhere, so that histograms can be added up: every doubling
 * of the time, from 16 µs to 134 s, is cut into four equal parts. A bucket is at most a quarter of its lower
 * bound wide, so that no quantile is further off than that.
 *
 * ```text
 *   µs   0 ──── 16 ─ 20 ─ 24 ─ 28 ─ 32 ── 40 ── 48 ── 56 ── 64 ─ … ─ 117 440 512 ── 134 217 728 ──▶
 *   no.     0      1    2    3    4    5     6     7     8              …     92           93
 * ```
 *
 * Every number is two words, the lower of which carries into the upper: counts do not run over. `record` is
 * two atomic additions. All words 0 is an empty histogram.
 */
import { addWide, clearWide, readWide, wideWords } from './wide-counter.ts'

const firstExponent = 4
const lastExponent = 26
/** Parts of a doubling; the two bits behind the highest choose one. */
const partBits = 2
const parts = 1 << partBits

/** Below the first bound, the parts of every doubling, and what is longer than all of them. */
export const latencyBuckets: number = 1 + (lastExponent - firstExponent + 1) * parts + 1

const sumAt = latencyBuckets * wideWords

/** Words of 4 bytes that one histogram needs. */
export const latencyWords: number = sumAt + wideWords

/** Where each bucket ends, in milliseconds: a time that is equal to it is in the next one. */
export const latencyBoundsMs: readonly number[] = Object.freeze(
  Array.from({ length: latencyBuckets }, (_, i) => boundOf(i)),
)

const longestUs = 0x7fff_ffff

/** What a histogram holds at one time. */
export interface Latencies {
  /** By bucket, not accumulated. */
  readonly counts: readonly number[]
  readonly sumMs: number
}

export const noLatencies: Latencies = Object.freeze({
  counts: Object.freeze(Array.from({ length: latencyBuckets }, () => 0)),
  sumMs: 0,
})

export class LatencyHistogram {
  readonly #words: Int32Array
  readonly #first: number

  /** Over `latencyWords` words, from the one given on; in memory of its own without any. */
  constructor(words: Int32Array = new Int32Array(latencyWords), first = 0) {
    this.#words = words
    this.#first = first
  }

  /** A time below 0 was not measured and is not counted. */
  record(ms: number): void {
    if (!(ms >= 0)) return
    const us = Math.min(ms * 1000, longestUs) | 0
    addWide(this.#words, this.#first + bucketOf(us) * wideWords, 1)
    addWide(this.#words, this.#first + sumAt, us)
  }

  /** What was recorded until now; others may go on meanwhile. */
  read(): Latencies {
    const counts = Array.from({ length: latencyBuckets }, (_, i) =>
      readWide(this.#words, this.#first + i * wideWords),
    )
    return { counts, sumMs: readWide(this.#words, this.#first + sumAt) / 1000 }
  }

  /** Forgets everything, for all processes. */
  reset(): void {
    for (let i = 0; i < latencyWords; i += wideWords) clearWide(this.#words, this.#first + i)
  }
}

/** Several histograms as one. */
export function addLatencies(all: Iterable<Latencies>): Latencies {
  const sum = Array.from({ length: latencyBuckets }, () => 0)
  let sumMs = 0
  for (const latencies of all) {
    for (const [i, count] of latencies.counts.entries()) sum[i]! += count
    sumMs += latencies.sumMs
  }
  return { counts: sum, sumMs }
}

export function countLatencies({ counts }: Latencies): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

/** The time that the given share of all was not longer than, in milliseconds; `undefined` when there is none. */
export function latencyQuantile(latencies: Latencies, share: number): number | undefined {
  const total = countLatencies(latencies)
  if (total === 0) return undefined
  const wanted = share * total
  let seen = 0
  for (const [i, count] of latencies.counts.entries()) {
    if (count > 0 && seen + count >= wanted) return within(i, (wanted - seen) / count)
    seen += count
  }
  return latencyBoundsMs.at(-2)
}

/** A point within a bucket. Of the last one, only its beginning is known. */
function within(bucket: number, share: number): number {
  const from = bucket === 0 ? 0 : latencyBoundsMs[bucket - 1]!
  const to = latencyBoundsMs[bucket]!
  return to === Infinity ? from : from + (to - from) * Math.max(share, 0)
}

/** The bucket of a time in milliseconds, for those who count in memory of another form. */
export function latencyBucketOf(ms: number): number {
  return bucketOf(Math.min(ms * 1000, longestUs) | 0)
}

function bucketOf(us: number): number {
  const exponent = 31 - Math.clz32(us)
  if (exponent < firstExponent) return 0
  if (exponent > lastExponent) return latencyBuckets - 1
  const part = (us >>> (exponent - partBits)) & (parts - 1)
  return 1 + ((exponent - firstExponent) << partBits) + part
}

function boundOf(bucket: number): number {
  if (bucket === latencyBuckets - 1) return Infinity
  const exponent = firstExponent + Math.floor(bucket / parts)
  return (2 ** exponent * (1 + (bucket % parts) / parts)) / 1000
}
