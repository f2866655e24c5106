/**
 * What the HTTP engine is given by the process it runs in.
 */
import type { Log } from '../core/log.ts'
import type { Scope } from '../core/scope.ts'
import type { AccessLogWriter } from '../modules/access-log.ts'
import type { ZoneMemory } from '../core/zone-memory.ts'
import type { UpstreamServices } from '../modules/upstreams/services.ts'
import type { Chance } from '../upstream/balancers/random.ts'
import type { TimingWheel } from '../net/timing-wheel.ts'
import type { Transport } from '../net/transport.ts'

export interface KeyValueReader {
  /** The value of a key: its name in lower case, but for those of users (`auth_basic:…`). */
  get(name: string): string | undefined
}

export interface HttpServices extends UpstreamServices {
  readonly transport: Transport
  readonly timers: TimingWheel
  readonly accessLogs: AccessLogWriter
  /** Memory of zones that all workers share. */
  readonly zoneMemory: ZoneMemory
  /** What decides where a percentage of the requests is meant. */
  readonly chance: Chance
  /** The error log that is in force in a block. */
  errorLog(scope: Scope): Log
  /** Number of the next connection: one series for all subsystems of a process, as nginx's `*123`. */
  nextConnection(): number
  /** Key values of the installation, where `dyn_kv_conf` asks for them. */
  readonly keyValues: KeyValueReader
  /** `trijet/<version>`: how the product names itself in `Server` and on its pages. */
  readonly product: { readonly name: string; readonly version: string }
}
