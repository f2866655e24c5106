/**
 * What a balancing method is: given a client's walk through a tier of peers, the peer to try next.
 *
 * Methods keep no state of their own but what they compute from the tier; state in motion (weights,
 * connections) is the peers', and what belongs to one client is the selection's.
 */
import type { ComplexValue } from '../core/complex-value.ts'
import type { TimeKind } from './peer-state.ts'
import type { Peer } from './peer.ts'

export type BalancerConfig =
  | { readonly kind: 'round_robin' }
  | { readonly kind: 'least_conn' }
  | { readonly kind: 'hash'; readonly key: ComplexValue; readonly consistent: boolean }
  | { readonly kind: 'least_time'; readonly time: TimeKind }
  | { readonly kind: 'random'; readonly two: boolean; readonly time?: TimeKind | undefined }
  | { readonly kind: 'ip_hash' }

/** The primary peers of a group, or its backups. */
export interface Tier {
  readonly peers: readonly Peer[]
  readonly totalWeight: number
  /** Sum of the weights up to and with each peer, to find a peer by a point within the total. */
  readonly weightsUpTo: Float64Array
  /** The only peer of a group: nginx then neither counts failures nor looks at them. */
  readonly single: boolean
}

/** One client's walk, as balancers see it. They may change what is not `readonly`. */
export interface Selection {
  readonly tier: Tier
  /** Value that hashing methods go by; empty for the others. */
  readonly key: string
  isTried(peer: Peer): boolean
  /** Picks that fell on unusable peers, over the whole walk. */
  misses: number
  /** Where a hashing method stands; -1 before its first pick. */
  hash: number
  rehash: number
}

export interface Balancer {
  /** A peer of the tier that may be used now and was not tried yet, or `undefined` when there is none. */
  pick(selection: Selection, now: number): Peer | undefined
}

export function createTier(peers: readonly Peer[], single: boolean): Tier {
  const weightsUpTo = new Float64Array(peers.length)
  let totalWeight = 0
  for (const [i, peer] of peers.entries()) {
    totalWeight += peer.weight
    weightsUpTo[i] = totalWeight
  }
  return Object.freeze({ peers, totalWeight, weightsUpTo, single })
}

/** The peer whose part of the total weight covers a point, counting from 0. */
export function peerAtWeight({ peers, weightsUpTo }: Tier, point: number): Peer {
  let low = 0
  let high = peers.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (point < weightsUpTo[middle]!) high = middle
    else low = middle + 1
  }
  return peers[low]!
}

export function isUsable(selection: Selection, peer: Peer, now: number): boolean {
  return !selection.isTried(peer) && peer.isAvailable(now)
}
