/**
 * Latencies in constant space: 64 buckets for each power of two, so that a quantile is exact to 1.6 %.
 */

/** Values are held in tenths of a microsecond. */
const unitsPerUs = 10
const bucketBits = 6
const buckets = 1 << bucketBits

export class Histogram {
  readonly #counts = new Float64Array((33 - bucketBits) * buckets)
  #count = 0

  get count(): number {
    return this.#count
  }

  reset(): void {
    this.#counts.fill(0)
    this.#count = 0
  }

  /** Takes a duration in milliseconds, as `performance.now()` gives it. */
  addMs(ms: number): void {
    const value = (ms * 1_000 * unitsPerUs) >>> 0
    const index = bucketOf(value)
    this.#counts[index] = this.#counts[index]! + 1
    this.#count++
  }

  /** The duration in microseconds that this share of all values does not exceed. */
  quantileUs(share: number): number {
    let left = Math.max(1, Math.ceil(this.#count * share))
    for (const [index, count] of this.#counts.entries()) {
      left -= count
      if (left <= 0) return upperEnd(index) / unitsPerUs
    }
    return 0
  }
}

/** The first `buckets` values have a bucket each; from there on, each power of two is cut in `buckets`. */
function bucketOf(value: number): number {
  const shift = Math.max(0, 32 - Math.clz32(value) - bucketBits - 1)
  return shift * buckets + (value >>> shift)
}

function upperEnd(index: number): number {
  if (index < 2 * buckets) return index
  const shift = Math.floor(index / buckets) - 1
  return (index - shift * buckets + 1) * 2 ** shift - 1
}
