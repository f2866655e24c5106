/**
 * What the stream engine is given by the process it runs in.
 */
import type { Log } from '../core/log.ts'
import type { Scope } from '../core/scope.ts'
import type { AccessLogWriter } from '../modules/access-log.ts'
import type { ZoneMemory } from '../core/zone-memory.ts'
import type { UpstreamServices } from '../modules/upstreams/services.ts'
import type { TimingWheel } from '../net/timing-wheel.ts'
import type { Transport } from '../net/transport.ts'

export interface StreamServices extends UpstreamServices {
  readonly transport: Transport
  readonly timers: TimingWheel
  readonly accessLogs: AccessLogWriter
  /** Memory of zones that all workers share. */
  readonly zoneMemory: ZoneMemory
  /** The error log that is in force in a block. */
  errorLog(scope: Scope): Log
  /** Number of the next connection: one series for all subsystems of a process, as nginx's `*123`. */
  nextConnection(): number
}
