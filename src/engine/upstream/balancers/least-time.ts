/**
 * `least_time`: the shortest time until an answer is to be expected, which is the average time that a
 * server took, for each request it has and one more, by its weight.
 *
 * A server that has not answered yet has no average: it is tried before all others.
 */
import type { TimeKind } from '../peer-state.ts'
import type { Peer } from '../peer.ts'

export function expectedTime(peer: Peer, kind: TimeKind): number {
  return (peer.state.active + 1) * peer.state.averageMs(kind)
}
