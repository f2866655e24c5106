/** Averages of the last times: the arithmetic mean, or one in which later times weigh more. */
import type { Recent, TrafficStyle } from './traffic-row.ts'

/** In whole milliseconds; `recent` has the oldest first. */
export function averageOf(
  recent: readonly Recent[],
  { average, periodMs }: Pick<TrafficStyle, 'average' | 'periodMs'>,
  now: number,
): number {
  let place = 0
  let weights = 0
  let sum = 0
  for (const { time, ms } of recent) {
    if (periodMs > 0 && now - time > periodMs) continue
    place += 1
    const weight = average === 'WMA' ? place : 1
    weights += weight
    sum += weight * ms
  }
  return weights === 0 ? 0 : Math.round(sum / weights)
}
