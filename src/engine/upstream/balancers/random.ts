/**
 * `random`: a peer by chance, by weight. `random two`: two by chance, and of them the one with fewer
 * connections for its weight, which is nearly as good as `least_conn` and does not need to see all peers.
 */
import { type Balancer, isUsable, peerAtWeight, type Selection } from '../balancer.ts'
import { picksMax } from '../limits.ts'
import type { Peer } from '../peer.ts'
import { roundRobin } from './round-robin.ts'

/** A number in [0, 1), as `Math.random`. */
export type Chance = () => number

export function createRandom(two: boolean, chance: Chance): Balancer {
  const draw = two ? drawLighter : drawOne
  return {
    pick(selection, now) {
      const drawn = selection.tier.single ? undefined : draw(selection, now, chance)
      return drawn ?? roundRobin.pick(selection, now)
    },
  }
}

function drawOne(
  selection: Selection,
  now: number,
  chance: Chance,
  except?: Peer,
): Peer | undefined {
  const { tier } = selection
  for (; selection.misses <= picksMax; selection.misses += 1) {
    const peer = peerAtWeight(tier, Math.floor(chance() * tier.totalWeight))
    if (peer !== except && isUsable(selection, peer, now)) return peer
  }
  return undefined
}

function drawLighter(selection: Selection, now: number, chance: Chance): Peer | undefined {
  const first = drawOne(selection, now, chance)
  if (first === undefined) return undefined
  const second = drawOne(selection, now, chance, first)
  if (second === undefined) return undefined
  const heavier = second.state.active * first.weight > first.state.active * second.weight
  return heavier ? first : second
}
