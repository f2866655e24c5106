/** `least_conn`: fewest connections for its weight; among equals, weighted round robin. */
import { type Balancer, isUsable, type Selection } from '../balancer.ts'
import type { Peer } from '../peer.ts'
import { roundRobin } from './round-robin.ts'

export const leastConnections: Balancer = {
  pick(selection, now) {
    if (selection.tier.single) return roundRobin.pick(selection, now)
    const least = findLeast(selection, now)
    if (least === undefined || !hasEqual(selection, least, now)) return least
    return pickAmongEquals(selection, least, now)
  },
}

/** The first of the least loaded: those that equal it stand after it. */
function findLeast(selection: Selection, now: number): Peer | undefined {
  let best: Peer | undefined
  for (const peer of selection.tier.peers) {
    if (!isUsable(selection, peer, now)) continue
    if (best === undefined || compareLoad(peer, best, now) < 0) best = peer
  }
  return best
}

function hasEqual(selection: Selection, least: Peer, now: number): boolean {
  const { peers } = selection.tier
  for (let i = least.index + 1; i < peers.length; i += 1) {
    if (isEqual(selection, peers[i]!, least, now)) return true
  }
  return false
}

function pickAmongEquals(selection: Selection, least: Peer, now: number): Peer {
  const { peers } = selection.tier
  let best = least
  let total = 0
  for (let i = least.index; i < peers.length; i += 1) {
    const peer = peers[i]!
    if (!isEqual(selection, peer, least, now)) continue
    total += peer.state.advance(peer.weight, peer.ramp(now))
    if (peer.state.currentWeight > best.state.currentWeight) best = peer
  }
  best.state.currentWeight -= total
  return best
}

function isEqual(selection: Selection, peer: Peer, least: Peer, now: number): boolean {
  return isUsable(selection, peer, now) && compareLoad(peer, least, now) === 0
}

/** Compares connections per weight, multiplied out: whole numbers stay exact. */
function compareLoad(a: Peer, b: Peer, now: number): number {
  return a.state.active * b.weight * b.ramp(now) - b.state.active * a.weight * a.ramp(now)
}
