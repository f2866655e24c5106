/**
 * `least_time`: the shortest time until an answer is to be expected, which is the average time that a
 * server took, for each request it has and one more, by its weight.
 *
 * A server that has not answered yet has no average: it gets one request before all others, and no more
 * until it has answered.
 */
import type { TimeKind } from '../peer-state.ts'
import type { Peer } from '../peer.ts'

/** Longer than any server takes, a quarter of an hour for each request. */
const unknownMs = 900_000

export function expectedTime({ state }: Peer, kind: TimeKind): number {
  const { active } = state
  const averageMs = state.averageMs(kind)
  return averageMs === 0 ? active * unknownMs : (active + 1) * averageMs
}
