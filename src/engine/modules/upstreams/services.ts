/** What groups of upstreams need of the process, in either subsystem. */
import type { Log } from '../../core/log.ts'
import type { ZoneMemory } from '../../core/zone-memory.ts'
import type { PeerZone } from '../../upstream/peer-zone.ts'

export interface UpstreamServices {
  /** For what concerns no connection. */
  readonly log: Log
  /** Memory of zones that all workers share. */
  readonly zoneMemory: ZoneMemory
  /** The zone where groups keep the state of their peers; the size may have been said elsewhere. */
  peerZone(name: string, bytes: number | undefined): PeerZone
}
