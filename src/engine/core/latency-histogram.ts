/**
 * A histogram of times in memory that processes share: each adds to it, anyone reads it, nothing is lost.
 *
 * The buckets are exponential and the same everywhere, so that histograms can be added up: those of
 * schema 2 of Prometheus' native histograms, which end at powers of ∜2 seconds. Every doubling of the time, from
 * 15 µs to 128 s, has four of them, and no quantile is further off than 19 %.
 *
 * ```text
 *   s    0 ─── 2^−16 ─ 2^−15¾ ─ 2^−15½ ─ … ─ ½ ─ … ─ 1 ─ … ─ 2^6¾ ─ 128 ──▶
 *   no.     0        1        2                                   92     93
 * ```
 *
 * Every number is two words, the lower of which carries into the upper: counts do not run over. `record` is
 * two atomic additions. All words 0 is an empty histogram.
 */
import { addWide, clearWide, readWide, wideWords } from './wide-counter.ts'

/** Times are put into buckets as whole numbers of 2^−24 s, which is 60 ns. */
const unitExponent = -24
const unitsPerMs = 2 ** -unitExponent / 1000
const firstExponent = -16
const lastExponent = 6
/** Parts of a doubling, each of which is ∜2 times as long as the one before. */
const parts = 4

/** Below the first bound, the parts of every doubling, and what is longer than all of them. */
export const latencyBuckets: number = 1 + (lastExponent - firstExponent + 1) * parts + 1

/** The power of ∜2 seconds at which the bucket of that number ends, the first and the last excepted. */
export function latencyExponent(bucket: number): number {
  return firstExponent * parts + bucket
}

const sumAt = latencyBuckets * wideWords

/** Words of 4 bytes that one histogram needs. */
export const latencyWords: number = sumAt + wideWords

/** Where each bucket ends, in milliseconds: a time that is equal to it is still in it. */
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
    addWide(this.#words, this.#first + latencyBucketOf(ms) * wideWords, 1)
    addWide(this.#words, this.#first + sumAt, Math.min(ms * 1000, longestUs) | 0)
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

/** Units of the longest time that is told apart, and where the parts of a doubling begin in one of 2^30. */
const endOfUnits = 2 ** (lastExponent + 1 - unitExponent)
const [secondPart, thirdPart, fourthPart] = [1, 2, 3].map((n) => 2 ** (30 + n / parts)) as [
  number,
  number,
  number,
]

/** The bucket of a time of 0 ms or more. */
export function latencyBucketOf(ms: number): number {
  // Half a unit less, and a time that equals a bound is below it.
  const exact = ms * unitsPerMs - 0.5
  if (exact >= endOfUnits) return latencyBuckets - 1
  const units = exact | 0
  const zeros = Math.clz32(units)
  const doubling = 31 - zeros + unitExponent - firstExponent
  if (doubling < 0) return 0
  const scaled = (units << zeros) >>> 1
  const part = scaled < thirdPart ? (scaled < secondPart ? 0 : 1) : scaled < fourthPart ? 2 : 3
  return 1 + doubling * parts + part
}

function boundOf(bucket: number): number {
  if (bucket === latencyBuckets - 1) return Infinity
  return 2 ** (latencyExponent(bucket) / parts) * 1000
}
