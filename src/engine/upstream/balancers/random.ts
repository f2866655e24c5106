/**
 * `random`: a peer by chance, by weight. `random two`: two by chance, and of them the one with fewer
 * connections (or the shorter time to be expected) for its weight, which is nearly as good as `least_conn`
 * and does not need to see all peers.
 */
import { type Balancer, isUsable, peerAtWeight, type Selection } from '../balancer.ts'
import { picksMax } from '../limits.ts'
import type { Peer } from '../peer.ts'
import type { LoadOf } from './least-loaded.ts'
import { roundRobin } from './round-robin.ts'

/** A number in [0, 1), as `Math.random`. */
export type Chance = () => number

/** `loadOf` says how two that were drawn are compared; without it one is drawn. */
export function createRandom(loadOf: LoadOf | undefined, chance: Chance): Balancer {
  const draw = (selection: Selection, now: number): Peer | undefined =>
    loadOf === undefined
      ? drawOne(selection, now, chance)
      : drawLighter(selection, now, { chance, loadOf })
  return {
    pick(selection, now) {
      const drawn = selection.tier.single ? undefined : draw(selection, now)
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

function drawLighter(
  selection: Selection,
  now: number,
  { chance, loadOf }: { readonly chance: Chance; readonly loadOf: LoadOf },
): Peer | undefined {
  const first = drawOne(selection, now, chance)
  if (first === undefined) return undefined
  const second = drawOne(selection, now, chance, first)
  if (second === undefined) return undefined
  const heavier = loadOf(second) * first.weight > loadOf(first) * second.weight
  return heavier ? first : second
}
