/**
 * `hash key`: the key's CRC-32 points into the sum of the weights (compatible with Cache::Memcached).
 * While the pick is unusable the key is hashed again with the number of the attempt before it, and the
 * results add up; after 20 such picks round robin decides. An empty key means round robin.
 */
import { crc32 } from 'node:zlib'
import { type Balancer, isUsable, peerAtWeight, type Selection } from '../balancer.ts'
import { picksMax } from '../limits.ts'
import { roundRobin } from './round-robin.ts'

const hashMask = 0x7fff

export const hash: Balancer = {
  pick(selection, now) {
    if (selection.tier.single || selection.key === '') return roundRobin.pick(selection, now)
    while (selection.misses <= picksMax) {
      const peer = peerAtWeight(selection.tier, nextPoint(selection))
      if (isUsable(selection, peer, now)) return peer
      selection.misses += 1
    }
    return roundRobin.pick(selection, now)
  },
}

function nextPoint(selection: Selection): number {
  const { key, rehash } = selection
  const crc = rehash === 0 ? crc32(key) : crc32(key, crc32(String(rehash)))
  selection.hash = (rehash === 0 ? 0 : selection.hash) + ((crc >>> 16) & hashMask)
  selection.rehash += 1
  return selection.hash % selection.tier.totalWeight
}
