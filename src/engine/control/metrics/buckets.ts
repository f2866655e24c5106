/** Buckets with bounds of their own, as those who cannot take exponential ones know them. */
import { latencyBoundsMs } from '../../core/latency-histogram.ts'
import type { Buckets, Histogram } from './metric.ts'

/** Times have four buckets for each doubling; one is enough for whoever collects bounds. */
const boundEvery = 4

const shownBounds: readonly number[] = latencyBoundsMs
  .filter((_, i) => i % boundEvery === 0)
  .map((ms) => ms / 1000)

/** Those that were asked for, or one for every doubling of the time. */
export function bucketsOf({ latencies, asked }: Histogram): Buckets {
  if (asked !== undefined) return asked
  const { counts } = latencies
  const cumulative: number[] = []
  let count = 0
  for (let i = 0; i < counts.length; i += 1) {
    count += counts[i]!
    if (i % boundEvery === 0) cumulative.push(count)
  }
  return { bounds: shownBounds, counts: cumulative }
}
