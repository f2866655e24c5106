/**
 * `hash key consistent`: a ketama ring (compatible with Cache::Memcached::Fast). Each server owns 160
 * points per unit of weight; a key belongs to the first point at or after its own hash. A server that
 * comes or goes moves only the keys next to its points.
 *
 * ```text
 *   point(0) = crc32(HOST \0 PORT 0)      point(n) = crc32(HOST \0 PORT point(n-1))     little endian
 *
 *   0 ──b──a────c──a─────b───c──b────a──▶ 2^32        the last point is followed by the first
 *               ▲ key
 * ```
 */
import { crc32 } from 'node:zlib'
import { type Balancer, isUsable, type Selection, type Tier } from '../balancer.ts'
import { picksMax, ringPointsMax } from '../limits.ts'
import type { Peer } from '../peer.ts'
import { roundRobin } from './round-robin.ts'

const pointsPerWeight = 160
/** A ring entry is one number, hash × 2^20 + server, so that sorting numbers sorts the ring. */
const serversMax = 2 ** 20

interface Ring {
  readonly hashes: Uint32Array
  /** Peers of the server that owns each point; they share its part by weight. */
  readonly owners: readonly (readonly Peer[])[]
}

/** Builds the ring of the tier; done once per version of a group. */
export function createConsistentHash(tier: Tier): Balancer {
  const ring = createRing(tier)
  return {
    pick(selection, now) {
      if (selection.tier.single || selection.key === '') return roundRobin.pick(selection, now)
      if (selection.hash < 0) selection.hash = findPoint(ring.hashes, crc32(selection.key))
      while (selection.misses <= picksMax) {
        const peers = ring.owners[selection.hash % ring.owners.length]!
        const peer = pickOfServer(selection, peers, now)
        if (peer !== undefined) return peer
        selection.hash += 1
        selection.misses += 1
      }
      return roundRobin.pick(selection, now)
    },
  }
}

/** The addresses of one server take turns. */
function pickOfServer(selection: Selection, peers: readonly Peer[], now: number): Peer | undefined {
  let best: Peer | undefined
  let total = 0
  for (const peer of peers) {
    if (!isUsable(selection, peer, now)) continue
    total += peer.state.advance(peer.weight, 1)
    if (best === undefined || peer.state.currentWeight > best.state.currentWeight) best = peer
  }
  if (best !== undefined) best.state.currentWeight -= total
  return best
}

/** Index of the first point at or after `hash`; one past the end where there is none. */
function findPoint(hashes: Uint32Array, hash: number): number {
  let low = 0
  let high = hashes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (hashes[middle]! < hash) low = middle + 1
    else high = middle
  }
  return low
}

function createRing(tier: Tier): Ring {
  const servers = groupByServer(tier)
  const entries = sortedEntries(tier, [...servers.keys()])
  const peers = [...servers.values()]
  const hashes: number[] = []
  const owners: (readonly Peer[])[] = []
  for (const entry of entries) {
    const hash = Math.floor(entry / serversMax)
    // Where two servers own one point the first of them keeps it.
    if (hash === hashes.at(-1)) continue
    hashes.push(hash)
    owners.push(peers[entry % serversMax]!)
  }
  return { hashes: Uint32Array.from(hashes), owners }
}

function groupByServer(tier: Tier): ReadonlyMap<string, readonly Peer[]> {
  const servers = new Map<string, Peer[]>()
  for (const peer of tier.peers) {
    const known = servers.get(peer.server)
    if (known === undefined) servers.set(peer.server, [peer])
    else known.push(peer)
  }
  return servers
}

function sortedEntries(tier: Tier, names: readonly string[]): Float64Array {
  const perWeight = Math.min(pointsPerWeight, ringPointsMax / tier.totalWeight)
  const numbers = new Map(names.map((name, i) => [name, i]))
  const counts = names.map(() => 0)
  for (const { server, weight } of tier.peers) {
    const number = numbers.get(server)!
    // Peers of one server start their points at the same place: the heaviest's hold the others'.
    counts[number] = Math.max(counts[number]!, Math.ceil(weight * perWeight))
  }
  const entries = new Float64Array(counts.reduce((sum, count) => sum + count, 0))
  let at = 0
  for (const [number, name] of names.entries()) {
    at = addPoints(entries, at, number, { name, count: counts[number]! })
  }
  return entries.sort()
}

function addPoints(
  entries: Float64Array,
  from: number,
  number: number,
  { name, count }: { readonly name: string; readonly count: number },
): number {
  const base = crc32(hashedName(name))
  const previous = Buffer.alloc(4)
  for (let i = 0; i < count; i += 1) {
    const hash = crc32(previous, base)
    entries[from + i] = hash * serversMax + number
    previous.writeUInt32LE(hash)
  }
  return from + count
}

/** `HOST \0 PORT`; a unix socket's path and a name without port have nothing after the zero. */
function hashedName(server: string): string {
  if (/^unix:/i.test(server)) return `${server.slice(5)}\0`
  const match = /^(.*):([0-9]*)$/s.exec(server)
  return match === null ? `${server}\0` : `${match[1]}\0${match[2]}`
}
