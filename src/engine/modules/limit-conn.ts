/**
 * `limit_conn_zone` and `limit_conn`: how many connections a key may have at one time, counted over all
 * workers.
 *
 * A zone is a table in shared memory with one record per key that has connections; a worker's share of a
 * record ends with the worker. It is opened when the first connection needs it.
 */
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber, parseSize } from '../conf/units.ts'
import type { CompileSession } from '../core/compile-session.ts'
import type { ComplexValue } from '../core/complex-value.ts'
import type { ValueType } from '../core/module.ts'
import type { Scope } from '../core/scope.ts'
import { shortKey } from '../core/shared-key.ts'
import type { SharedTable } from '../core/shared-table.ts'
import { processesMax, type TableLayout } from '../core/table-layout.ts'
import { growing, openTable, type ZoneMemory } from '../core/zone-memory.ts'
import { oneOf } from './value-types.ts'

export interface LimitConnZone {
  readonly name: string
  readonly bytes: number
  readonly key: ComplexValue
}

export interface LimitConn {
  readonly zone: string
  readonly connections: number
}

/** Key bytes as nginx limits them. */
export const limitKeyBytesMax = 255
/** Longer keys are told apart by their digests. */
const storedKeyBytes = 24
/** nginx refuses zones below eight pages. */
export const zoneBytesMin: number = 8 * 4096
/** What one key costs in nginx: a zone of a given size holds as many keys as there. */
const bytesPerKey = 64

/** Name of a zone's memory. */
export function limitConnZoneId(subsystem: LimitSubsystem, name: string, key: string): string {
  return `limit_conn:${subsystem}:${name}:${key}`
}

/** How a zone of that size lies in its memory. */
export function limitConnLayout(bytes: number): TableLayout<Record<string, never>> {
  return growing({
    fields: {},
    capacity: Math.floor(bytes / bytesPerKey),
    owners: processesMax,
    keyBytesMax: storedKeyBytes,
    unused: 'remove',
  })
}

/** How often a record is in use says all: each connection uses that of its key. */
type Zone = SharedTable<Record<string, never>>

/** Zones of one subsystem: what connections are in one is no matter of the other. */
export type LimitSubsystem = 'http' | 'stream'

/** The open zones of a subsystem in a process. */
export class LimitConnZones {
  readonly #memory: ZoneMemory
  readonly #subsystem: LimitSubsystem
  readonly #open = new Map<string, Zone>()
  /** The same, by how a configuration in force says them. */
  readonly #known = new WeakMap<LimitConnZone, Zone>()

  constructor(memory: ZoneMemory, subsystem: LimitSubsystem) {
    this.#memory = memory
    this.#subsystem = subsystem
  }

  /** Opens a zone's memory before it is needed; throws where there is none. */
  open(zone: LimitConnZone): void {
    this.#zone(zone)
  }

  /**
   * Counts one connection more. Gives what ends it, or why it is refused: `limit` when the key has as many
   * as it may, `full` when the zone has no room for another key.
   */
  enter(zone: LimitConnZone, key: string, limit: number): LimitConnLease | 'limit' | 'full' {
    const table = this.#zone(zone)
    const record = table.acquire(shortKey(key, storedKeyBytes))
    if (record < 0) return 'full'
    const lease = new LimitConnLease(table, record)
    if (table.users(record) <= limit) return lease
    lease.end()
    return 'limit'
  }

  #zone(zone: LimitConnZone): Zone {
    let open = this.#known.get(zone)
    if (open === undefined) {
      open = this.#openZone(zone)
      this.#known.set(zone, open)
    }
    return open
  }

  #openZone({ name, bytes, key }: LimitConnZone): Zone {
    // With another key it is another zone: what was counted means nothing there.
    const id = limitConnZoneId(this.#subsystem, name, key.text)
    const known = this.#open.get(`${id}:${bytes}`)
    if (known !== undefined) return known
    const table = openTable(this.#memory, id, limitConnLayout(bytes), name)
    this.#open.set(`${id}:${bytes}`, table)
    return table
  }
}

/** One counted connection. */
export class LimitConnLease {
  readonly #table: Zone
  readonly #record: number

  constructor(table: Zone, record: number) {
    this.#table = table
    this.#record = record
  }

  end(): void {
    this.#table.release(this.#record)
  }
}

/** `limit_conn_zone key zone=name:size`. */
export const limitConnZone: ValueType<readonly LimitConnZone[]> = {
  describe: 'key zone=name:size',
  parse: ([key = '', parameter = ''], env) => {
    const match = /^zone=([^:]*)(?::(.*))?$/.exec(parameter)
    if (match === null) throw new ConfError(`invalid parameter "${parameter}"`)
    const [, name = '', sizeText = ''] = match
    const bytes = parseSize(sizeText)
    if (name === '') throw new ConfError(`invalid zone name "${parameter}"`)
    if (bytes === undefined) throw new ConfError(`invalid zone size "${parameter}"`)
    if (bytes < zoneBytesMin) throw new ConfError(`zone "${parameter}" is too small`)
    return [{ name, bytes, key: env.complex(key) }]
  },
}

/** `limit_conn zone number`. */
export const limitConn: ValueType<readonly LimitConn[]> = {
  describe: 'zone number',
  parse: ([zone = '', number = '']) => {
    const connections = parseNumber(number)
    if (connections === undefined || connections === 0) {
      throw new ConfError(`invalid number of connections "${number}"`)
    }
    if (connections > 65_535) throw new ConfError('connection limit must be less 65536')
    return [{ zone, connections }]
  },
}

export type LimitLogLevel = 'info' | 'notice' | 'warn' | 'error'

export const limitLogLevel: ValueType<LimitLogLevel> = oneOf('info', 'notice', 'warn', 'error')

/** One `limit_conn` with the zone that it names. */
export interface BoundLimitConn {
  readonly zone: LimitConnZone
  readonly connections: number
}

/** Finds the zone of each limit; those of unknown zones were reported by `checkLimitConn`. */
export function bindLimitConn(
  limits: readonly LimitConn[],
  zones: readonly LimitConnZone[],
): readonly BoundLimitConn[] {
  return limits.flatMap(({ zone: name, connections }) => {
    const zone = zones.find((known) => known.name === name)
    return zone === undefined ? [] : [{ zone, connections }]
  })
}

/** What no single directive can see: zones and limits that stand twice, limits without a zone. */
export function checkLimitConn(
  scope: Scope,
  session: CompileSession,
  zones: readonly LimitConnZone[],
): void {
  const keys = new Map<string, string>()
  for (const node of scope.own('limit_conn_zone')) {
    const name = /^zone=([^:]*)/.exec(node.args[1] ?? '')?.[1] ?? ''
    const key = keys.get(name)
    if (key !== undefined) {
      session.fail(`limit_conn_zone "${name}" is already bound to key "${key}"`, node)
    }
    keys.set(name, node.args[0] ?? '')
  }
  const used = new Set<string>()
  for (const node of scope.own('limit_conn')) {
    const [name = ''] = node.args
    if (used.has(name)) session.fail('"limit_conn" directive is duplicate', node)
    used.add(name)
    if (!zones.some((zone) => zone.name === name)) {
      session.fail(`zero size shared memory zone "${name}"`, node)
    }
  }
}

const openZones = new WeakMap<ZoneMemory, Map<LimitSubsystem, LimitConnZones>>()

/** The open zones of a subsystem in a process's memory: one object for all of its blocks. */
export function limitConnZonesOf(memory: ZoneMemory, subsystem: LimitSubsystem): LimitConnZones {
  const known = openZones.getOrInsertComputed(
    memory,
    () => new Map<LimitSubsystem, LimitConnZones>(),
  )
  let zones = known.get(subsystem)
  if (zones === undefined) {
    zones = new LimitConnZones(memory, subsystem)
    known.set(subsystem, zones)
  }
  return zones
}
