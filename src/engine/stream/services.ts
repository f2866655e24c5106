/**
 * What the stream engine is given by the process it runs in.
 */
import type { Log } from '../core/log.ts'
import type { Scope } from '../core/scope.ts'
import type { AccessLogWriter } from '../modules/access-log.ts'
import type { ZoneMemory } from '../modules/limit-conn.ts'
import type { TimingWheel } from '../net/timing-wheel.ts'
import type { Transport } from '../net/transport.ts'
import type { PeerZone } from '../upstream/peer-state.ts'

export interface StreamServices {
  readonly transport: Transport
  /** For what concerns no session. */
  readonly log: Log
  readonly timers: TimingWheel
  readonly accessLogs: AccessLogWriter
  /** Memory of zones that all workers share. */
  readonly zoneMemory: ZoneMemory
  /** The zone where groups keep the state of their peers; the size may have been said elsewhere. */
  peerZone(name: string, bytes: number | undefined): PeerZone
  /** The error log that is in force in a block. */
  errorLog(scope: Scope): Log
  /** Number of the next connection: one series for all subsystems of a process, as nginx's `*123`. */
  nextConnection(): number
}
