/**
 * The table where groups of upstreams keep what is known of their peers: the fields, and the memory.
 *
 * A `zone` is one in memory that all workers share, for one group or several; a group without a zone has a
 * table of its own in each process.
 */
import { shortKey } from '../core/shared-key.ts'
import { ConfError } from '../conf/diagnostics.ts'
import {
  findShared,
  openShared,
  type SharedMemory,
  type SharedMemoryOptions,
} from '../core/shared-memory.ts'
import type { SharedLease } from '../core/shared-lease.ts'
import type { SharedLock } from '../core/shared-lock.ts'
import type { ColumnField, Float64Field, Int32Field, WideField } from '../core/shared-fields.ts'
import { SharedTable, tableFull } from '../core/shared-table.ts'
import { processesMax, tableBytes, type TableLayout } from '../core/table-layout.ts'
import { growing, tableIn } from '../core/zone-memory.ts'
import { BreakerCells, breakerFields } from './breaker.ts'
import { HealthCells, healthFields, probeLease } from './health/health-cells.ts'
import { zoneKeyBytesMax, zonePeerBytes } from './limits.ts'
import { WindowCells, windowFields } from './outcome-window.ts'
import type { TimeKind } from './peer-state.ts'
import { StatisticsCells, statisticsFields } from './peer-statistics.ts'
import { RetryBudget, type RetryBudgetConfig } from './retry-budget.ts'

const ownFields = {
  /** Number of the peer within its group; in the group's own record, the next one to give. */
  id: 'int32',
  /** Configured weight that the other weights were made from; 0 in a record that is new. */
  weight: 'int32',
  effectiveWeight: 'int32',
  fails: 'int32',
  /** Guards the choice of a peer; used in the group's own record only. */
  lock: 'int32',
  currentWeight: 'float64',
  accessedAt: 'float64',
  checkedAt: 'float64',
  startedAt: 'float64',
  selectedAt: 'float64',
  downSince: 'float64',
  connectMs: 'float64',
  headerMs: 'float64',
  lastByteMs: 'float64',
  active: 'gauge',
  failures: 'wide',
  outages: 'wide',
  downtimeMs: 'wide',
} as const

type Fields = typeof ownFields & typeof healthFields & typeof breakerFields & typeof windowFields

const fields: Fields = { ...ownFields, ...healthFields, ...breakerFields, ...windowFields }

/** Zones that other processes see hold what those want to know, too. */
const sharedFields: Fields & typeof statisticsFields = { ...fields, ...statisticsFields }

/** A table with these fields, and maybe more. */
type ZoneTable = Pick<
  SharedTable<Fields>,
  | 'acquire'
  | 'release'
  | 'reclaim'
  | 'used'
  | 'records'
  | 'key'
  | 'lockOf'
  | 'int32'
  | 'float64'
  | 'gauge'
  | 'wide'
>

/** Where zones have their memory. */
export interface ZonePlace {
  readonly instance: string
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** True while the zone of that name takes more memory when it is full; never unless given. */
  readonly mayGrow?: (zone: string) => boolean
}

export interface ZoneOptions extends ZonePlace {
  readonly name: string
  /** As configured: `zone name size`. */
  readonly bytes: number
}

interface ZoneHome {
  readonly name: string
  readonly memory?: SharedMemory
  readonly onUnused?: () => void
  readonly statistics?: StatisticsCells
}

/** A table of peers' states with its columns looked up once. Groups may share one. */
export class PeerZone {
  readonly #table: ZoneTable
  readonly #name: string
  readonly #memory: SharedMemory | undefined
  readonly #onUnused: (() => void) | undefined
  /** Versions of groups of this process. */
  #users = 0
  readonly id: Int32Field
  readonly weight: Int32Field
  readonly effectiveWeight: Int32Field
  readonly fails: Int32Field
  readonly currentWeight: Float64Field
  readonly accessedAt: Float64Field
  readonly checkedAt: Float64Field
  readonly startedAt: Float64Field
  readonly selectedAt: Float64Field
  readonly downSince: Float64Field
  /** Averages of times that the peer took; 0 before the first. */
  readonly times: Readonly<Record<TimeKind, Float64Field>>
  readonly active: ColumnField
  readonly failures: WideField
  readonly outages: WideField
  readonly downtimeMs: WideField
  /** Absent where nobody could read them. */
  readonly statistics: StatisticsCells | undefined
  readonly health: HealthCells
  readonly breaker: BreakerCells
  readonly window: WindowCells

  /** `onUnused` is told when the last group of this process leaves the zone. */
  constructor(
    table: ZoneTable,
    { name, memory, onUnused, statistics }: ZoneHome = { name: 'of one process' },
  ) {
    this.#table = table
    this.#name = name
    this.#memory = memory
    this.#onUnused = onUnused
    this.id = table.int32('id')
    this.weight = table.int32('weight')
    this.effectiveWeight = table.int32('effectiveWeight')
    this.fails = table.int32('fails')
    this.currentWeight = table.float64('currentWeight')
    this.accessedAt = table.float64('accessedAt')
    this.checkedAt = table.float64('checkedAt')
    this.startedAt = table.float64('startedAt')
    this.selectedAt = table.float64('selectedAt')
    this.downSince = table.float64('downSince')
    this.times = {
      connect: table.float64('connectMs'),
      header: table.float64('headerMs'),
      last_byte: table.float64('lastByteMs'),
    }
    this.active = table.gauge('active')
    this.failures = table.wide('failures')
    this.outages = table.wide('outages')
    this.downtimeMs = table.wide('downtimeMs')
    this.statistics = statistics
    this.health = new HealthCells(table)
    this.breaker = new BreakerCells(table)
    this.window = new WindowCells(table)
  }

  /** True when other processes see the same states. */
  get shared(): boolean {
    return this.#memory?.shared ?? false
  }

  /** The record of a key. Throws `ConfError` when the zone has no room: the change that asks is refused. */
  acquire(key: string): number {
    const record = this.#table.acquire(shortKey(key, zoneKeyBytesMax))
    if (record >= 0) return record
    const why = record === tableFull ? 'has no room for another peer' : 'is locked'
    throw new ConfError(`upstream zone "${this.#name}" ${why}`)
  }

  release(record: number): void {
    this.#table.release(record)
  }

  /** Every record that is in use, with its key; others come and go meanwhile. */
  *entries(): Generator<readonly [key: string, record: number], void, undefined> {
    for (const record of this.#table.records()) yield [this.#table.key(record), record]
  }

  /** True while those that open the zone by its name come to this memory. */
  isCurrent(): boolean {
    return this.#memory?.isCurrent() ?? true
  }

  lockOf(record: number): SharedLock {
    return this.#table.lockOf('lock', record)
  }

  /** Of a group's own record. */
  leaseOf(record: number): SharedLease {
    return probeLease(this.health, record)
  }

  /** Of a group's own record. */
  budgetOf(record: number, config: RetryBudgetConfig): RetryBudget {
    return new RetryBudget(config, this.window, record)
  }

  /** Gives back what dead workers held. */
  reclaim(): void {
    this.#table.reclaim()
  }

  retain(): void {
    this.#users += 1
  }

  /** A group leaves. A zone in which no process keeps anything gives its memory back. */
  leave(): void {
    this.#users -= 1
    if (this.#users > 0 || this.#onUnused === undefined) return
    this.#onUnused()
    if (this.#table.used === 0) this.#memory?.remove()
    this.#memory?.close()
  }
}

/** Opens the zone of that name, the same in all processes of the instance. Throws `ConfError`. */
export function openPeerZone(options: ZoneOptions, onUnused?: () => void): PeerZone {
  try {
    return zoneIn(openShared(memoryOf(options)), options, onUnused)
  } catch (error) {
    const reason = (error as Error).message
    throw new ConfError(`upstream zone "${options.name}" cannot be opened: ${reason}`)
  }
}

/** The zone as other processes have it, to be looked at; `undefined` where none of them has it. */
export function findPeerZone(options: ZoneOptions): PeerZone | undefined {
  const memory = findShared(memoryOf(options))
  return memory && zoneIn(memory, options)
}

function memoryOf({ instance, name, bytes, owner }: ZoneOptions): SharedMemoryOptions {
  return { instance, name: `upstream ${name}`, bytes: tableBytes(sharedLayout(bytes)), owner }
}

function zoneIn(
  memory: SharedMemory,
  { name, bytes, mayGrow }: ZoneOptions,
  onUnused?: () => void,
): PeerZone {
  const table = tableIn(memory, sharedLayout(bytes), () => mayGrow?.(name) ?? false)
  const statistics = new StatisticsCells(table)
  return new PeerZone(table, { name, memory, statistics, ...(onUnused && { onUnused }) })
}

type SharedLayout = TableLayout<Fields & typeof statisticsFields>

/** By peers: ten thousand zones are of a few sizes. */
const sharedLayouts = new Map<number, SharedLayout>()

function sharedLayout(bytes: number): SharedLayout {
  return sharedLayouts.getOrInsertComputed(Math.floor(bytes / zonePeerBytes), (peers) =>
    growing(layoutFor(sharedFields, peers, processesMax)),
  )
}

/** States for so many peers that this process keeps to itself. */
export function createPrivateZone(peers: number): PeerZone {
  const layout = layoutFor(fields, peers, 1)
  return new PeerZone(new SharedTable(new ArrayBuffer(tableBytes(layout)), layout))
}

function layoutFor<F extends Fields>(
  fieldsOf: F,
  capacity: number,
  owners: number,
): TableLayout<F> {
  return { fields: fieldsOf, capacity, owners, keyBytesMax: zoneKeyBytesMax, unused: 'inherit' }
}
