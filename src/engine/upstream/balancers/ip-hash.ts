/**
 * `ip_hash`: clients of one IPv4 /24 network, or with one IPv6 address, go to one peer while it is usable.
 * The selection's key is the client's address as text.
 */
import { isIPv4 } from 'node:net'
import { parseIPv6 } from '../addresses.ts'
import { type Balancer, isUsable, peerAtWeight, type Selection } from '../balancer.ts'
import { picksMax } from '../limits.ts'
import { roundRobin } from './round-robin.ts'

const seed = 89
const factor = 113
const modulus = 6271

/** What stands for clients without an address, such as those of a unix socket. */
const noAddress: readonly number[] = [0, 0, 0]

export const ipHash: Balancer = {
  pick(selection, now) {
    if (selection.tier.single) return roundRobin.pick(selection, now)
    const bytes = addressBytes(selection.key)
    while (selection.misses <= picksMax) {
      const point = hashBytes(selection, bytes) % selection.tier.totalWeight
      const peer = peerAtWeight(selection.tier, point)
      if (isUsable(selection, peer, now)) return peer
      selection.misses += 1
    }
    return roundRobin.pick(selection, now)
  },
}

/** Goes on from the hash before, so that every attempt gives another point. */
function hashBytes(selection: Selection, bytes: readonly number[]): number {
  let hash = selection.hash < 0 ? seed : selection.hash
  for (const byte of bytes) hash = (hash * factor + byte) % modulus
  selection.hash = hash
  return hash
}

function addressBytes(text: string): readonly number[] {
  if (isIPv4(text)) return text.split('.', 3).map(Number)
  return parseIPv6(text) ?? noAddress
}
