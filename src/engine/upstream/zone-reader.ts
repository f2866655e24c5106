/**
 * Looks into the zones of other processes: what control and metrics know of peers.
 *
 * Zones that were looked at stay open, and are opened anew when they have become others meanwhile: a group
 * may go and come back. Nothing is held in them, so that a peer ends as if nobody had looked.
 */
import { addressOf, groupKey } from './peer-keys.ts'
import { PeerState } from './peer-state.ts'
import { findPeerZone, type PeerZone, type ZonePlace } from './peer-zone.ts'

/** A peer in a zone, to be read at once: its record may be another's later. */
export interface FoundPeer {
  /** As `formatAddress` writes it. */
  readonly address: string
  readonly state: PeerState
}

export interface FoundGroup {
  readonly peers: readonly FoundPeer[]
  /** Connections that wait for their next request, over all workers. */
  readonly idle: number
}

const nobody: FoundGroup = Object.freeze({ peers: Object.freeze([]), idle: 0 })

export class ZoneReader {
  readonly #memory: () => ZonePlace
  readonly #open = new Map<string, PeerZone>()

  /** `memory` is asked whenever a zone is opened: the engine may have become another. */
  constructor(memory: () => ZonePlace) {
    this.#memory = memory
  }

  /** What stands in a zone now. */
  read(name: string, bytes: number): ZoneContent {
    const zone = this.#zone(name, bytes)
    return zone === undefined ? new ZoneContent() : new ZoneContent(zone)
  }

  /** Lets go of zones that are no more. */
  trim(): void {
    for (const [key, zone] of this.#open) if (!zone.isCurrent()) this.#open.delete(key)
  }

  #zone(name: string, bytes: number): PeerZone | undefined {
    const key = `${name} ${bytes}`
    const known = this.#open.get(key)
    if (known?.isCurrent() === true) return known
    this.#open.delete(key)
    const zone = findPeerZone({ ...this.#memory(), name, bytes })
    if (zone !== undefined) this.#open.set(key, zone)
    return zone
  }
}

/** The records of a zone by group. */
export class ZoneContent {
  readonly #groups = new Map<string, { peers: FoundPeer[]; idle: number }>()

  constructor(zone?: PeerZone) {
    for (const [key, record] of zone?.entries() ?? []) {
      const end = key.indexOf('\n') + 1
      // A key that is a digest tells nothing of its group.
      if (end === 0) continue
      const group = this.#groupOf(key.slice(0, end))
      if (end === key.length) group.idle = zone!.active.sum(record)
      else group.peers.push(peerIn(zone!, key.slice(end), record))
    }
  }

  groupOf(name: string): FoundGroup {
    return this.#groups.get(groupKey(name)) ?? nobody
  }

  #groupOf(key: string): { peers: FoundPeer[]; idle: number } {
    const known = this.#groups.get(key) ?? { peers: [], idle: 0 }
    this.#groups.set(key, known)
    return known
  }
}

function peerIn(zone: PeerZone, key: string, record: number): FoundPeer {
  return { address: addressOf(key), state: new PeerState(zone, record) }
}
