/**
 * Smooth weighted round robin, nginx's way: in every turn each usable peer gains its weight, the one with
 * most is chosen and pays the sum of all. Weights 5, 1, 1 give `a a b a c a a`, not `a a a a a b c`.
 */
import { type Balancer, isUsable, type Selection } from '../balancer.ts'
import type { Peer } from '../peer.ts'

export const roundRobin: Balancer = {
  pick(selection, now) {
    return selection.tier.single ? pickSingle(selection, now) : pickByWeight(selection, now)
  },
}

/** With one peer alone nothing is gained by leaving it out: failures do not count. */
function pickSingle(selection: Selection, now: number): Peer | undefined {
  const peer = selection.tier.peers[0]!
  return peer.isUsableAlone(now) && !selection.isTried(peer) ? peer : undefined
}

function pickByWeight(selection: Selection, now: number): Peer | undefined {
  let best: Peer | undefined
  let bestWeight = 0
  let total = 0
  for (const peer of selection.tier.peers) {
    if (!isUsable(selection, peer, now)) continue
    total += peer.state.advance(peer.weight, peer.ramp(now))
    const weight = peer.state.currentWeight
    if (best !== undefined && weight <= bestWeight) continue
    best = peer
    bestWeight = weight
  }
  if (best !== undefined) best.state.currentWeight = bestWeight - total
  return best
}
