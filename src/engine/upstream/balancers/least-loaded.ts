/**
 * `least_conn` and `least_time`: the least load for its weight, whatever load is; among equals, weighted
 * round robin.
 */
import { type Balancer, isUsable, type Selection } from '../balancer.ts'
import type { Peer } from '../peer.ts'
import { roundRobin } from './round-robin.ts'

/** A load is no number of its own: it is compared with others by weight. */
export type LoadOf = (peer: Peer) => number

export function createLeastLoaded(loadOf: LoadOf): Balancer {
  return {
    pick(selection, now) {
      if (selection.tier.single) return roundRobin.pick(selection, now)
      let best: Peer | undefined
      let load = 0
      let weight = 0
      let hasEquals = false
      for (const peer of selection.tier.peers) {
        if (!isUsable(selection, peer, now)) continue
        const peerLoad = loadOf(peer)
        const peerWeight = peer.weight * peer.ramp(now)
        if (best !== undefined) {
          // Load per weight, multiplied out: whole numbers stay exact.
          const difference = peerLoad * weight - load * peerWeight
          if (difference === 0) hasEquals = true
          if (difference >= 0) continue
        }
        best = peer
        load = peerLoad
        weight = peerWeight
        hasEquals = false
      }
      if (best === undefined || !hasEquals) return best
      return pickAmongEquals(selection, { least: best, load, loadOf }, now)
    },
  }
}

interface Least {
  readonly least: Peer
  readonly load: number
  readonly loadOf: LoadOf
}

/** `least` is the first of the least loaded: those that equal it stand after it. */
function pickAmongEquals(selection: Selection, { least, load, loadOf }: Least, now: number): Peer {
  const { peers } = selection.tier
  const weight = least.weight * least.ramp(now)
  let best = least
  let total = 0
  for (let i = least.index; i < peers.length; i += 1) {
    const peer = peers[i]!
    if (!isUsable(selection, peer, now)) continue
    if (loadOf(peer) * weight !== load * peer.weight * peer.ramp(now)) continue
    total += peer.state.advance(peer.weight, peer.ramp(now))
    if (peer.state.currentWeight > best.state.currentWeight) best = peer
  }
  best.state.currentWeight -= total
  return best
}
