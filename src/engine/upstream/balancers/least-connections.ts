/** `least_conn`: fewest connections for its weight; among equals, weighted round robin. */
import { type Balancer, isUsable, type Selection } from '../balancer.ts'
import type { Peer } from '../peer.ts'
import { roundRobin } from './round-robin.ts'

export const leastConnections: Balancer = {
  pick(selection, now) {
    if (selection.tier.single) return roundRobin.pick(selection, now)
    let best: Peer | undefined
    let active = 0
    let weight = 0
    let hasEquals = false
    for (const peer of selection.tier.peers) {
      if (!isUsable(selection, peer, now)) continue
      const peerActive = peer.state.active
      const peerWeight = peer.weight * peer.ramp(now)
      if (best !== undefined) {
        // Connections per weight, multiplied out: whole numbers stay exact.
        const difference = peerActive * weight - active * peerWeight
        if (difference === 0) hasEquals = true
        if (difference >= 0) continue
      }
      best = peer
      active = peerActive
      weight = peerWeight
      hasEquals = false
    }
    return best !== undefined && hasEquals ? pickAmongEquals(selection, best, now) : best
  },
}

/** `least` is the first of the least loaded: those that equal it stand after it. */
function pickAmongEquals(selection: Selection, least: Peer, now: number): Peer {
  const { peers } = selection.tier
  const { active } = least.state
  const weight = least.weight * least.ramp(now)
  let best = least
  let total = 0
  for (let i = least.index; i < peers.length; i += 1) {
    const peer = peers[i]!
    if (!isUsable(selection, peer, now)) continue
    if (peer.state.active * weight !== active * peer.weight * peer.ramp(now)) continue
    total += peer.state.advance(peer.weight, peer.ramp(now))
    if (peer.state.currentWeight > best.state.currentWeight) best = peer
  }
  best.state.currentWeight -= total
  return best
}
