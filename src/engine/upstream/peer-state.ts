/**
 * What is known of a peer while the engine runs: connections, failures, weights in motion, totals.
 *
 * It lives in a record of a shared table, so that all workers see one state: in the group's `zone` in
 * shared memory, or in a table of the process's own where the group has none. The state belongs to the
 * peer's address and outlives versions of its group; it ends when no version and no connection uses it.
 */
import { shortKey } from '../core/shared-key.ts'
import { ConfError } from '../conf/diagnostics.ts'
import { openShared, type SharedMemory } from '../core/shared-memory.ts'
import type { SharedLock } from '../core/shared-lock.ts'
import type { ColumnField, Float64Field, Int32Field } from '../core/shared-fields.ts'
import { SharedTable, tableFull } from '../core/shared-table.ts'
import { processesMax, tableBytes, type TableLayout } from '../core/table-layout.ts'
import { zoneKeyBytesMax, zonePeerBytes } from './limits.ts'

const fields = {
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
  selections: 'counter',
  failures: 'counter',
  outages: 'counter',
  downtimeMs: 'counter',
  sentBytes: 'counter',
  receivedBytes: 'counter',
} as const

type Fields = typeof fields

/** Until the connection, the first byte (in HTTP the head) and the last byte of a response were there. */
export type TimeKind = 'connect' | 'header' | 'last_byte'

export interface ZoneOptions {
  readonly instance: string
  readonly name: string
  /** As configured: `zone name size`. */
  readonly bytes: number
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
}

interface ZoneHome {
  readonly name: string
  readonly memory?: SharedMemory
  readonly onUnused?: () => void
}

/** A table of peers' states with its columns looked up once. Groups may share one. */
export class PeerZone {
  readonly #table: SharedTable<Fields>
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
  readonly selections: ColumnField
  readonly failures: ColumnField
  readonly outages: ColumnField
  readonly downtimeMs: ColumnField
  readonly sentBytes: ColumnField
  readonly receivedBytes: ColumnField

  /** `onUnused` is told when the last group of this process leaves the zone. */
  constructor(
    table: SharedTable<Fields>,
    { name, memory, onUnused }: ZoneHome = { name: 'of one process' },
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
    this.selections = table.counter('selections')
    this.failures = table.counter('failures')
    this.outages = table.counter('outages')
    this.downtimeMs = table.counter('downtimeMs')
    this.sentBytes = table.counter('sentBytes')
    this.receivedBytes = table.counter('receivedBytes')
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

  lockOf(record: number): SharedLock {
    return this.#table.lockOf('lock', record)
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
  const { name, instance, owner } = options
  const layout = layoutFor(Math.floor(options.bytes / zonePeerBytes), processesMax)
  const bytes = tableBytes(layout)
  try {
    const memory = openShared({ instance, name: `upstream ${name}`, bytes, owner })
    const table = new SharedTable(memory.buffer, layout)
    return new PeerZone(table, { name, memory, ...(onUnused && { onUnused }) })
  } catch (error) {
    throw new ConfError(`upstream zone "${name}" cannot be opened: ${(error as Error).message}`)
  }
}

/** States for so many peers that this process keeps to itself. */
export function createPrivateZone(peers: number): PeerZone {
  const layout = layoutFor(peers, 1)
  return new PeerZone(new SharedTable(new ArrayBuffer(tableBytes(layout)), layout))
}

function layoutFor(capacity: number, owners: number): TableLayout<Fields> {
  return { fields, capacity, owners, keyBytesMax: zoneKeyBytesMax, unused: 'remove' }
}

/** What took no time at all is not taken for a peer that was never asked. */
const timeMinMs = 0.1
const averageParts = 8

export class PeerState {
  readonly #zone: PeerZone
  readonly #record: number
  /** Versions of the group that have it. */
  #users = 1

  /** Takes over the caller's use of the record. */
  constructor(zone: PeerZone, record: number) {
    this.#zone = zone
    this.#record = record
  }

  retain(): this {
    this.#users += 1
    return this
  }

  release(): void {
    this.#users -= 1
    if (this.#users === 0) this.#zone.release(this.#record)
  }

  /** Prepares a record that is new, or whose configured weight changed. True when it was new. */
  configure(weight: number, nextId: () => number): boolean {
    const before = this.#zone.weight.get(this.#record)
    if (before === weight) return false
    if (before === 0) this.#zone.id.set(this.#record, nextId())
    this.#zone.effectiveWeight.set(this.#record, weight)
    this.#zone.currentWeight.set(this.#record, 0)
    this.#zone.weight.set(this.#record, weight)
    return before === 0
  }

  get id(): number {
    return this.#zone.id.get(this.#record)
  }

  /** Connections (or requests) under way, of all workers. */
  get active(): number {
    return this.#zone.active.sum(this.#record)
  }

  /** A connection begins. */
  hold(now: number): void {
    this.#zone.active.add(this.#record, 1)
    this.#zone.selections.add(this.#record, 1)
    this.#zone.selectedAt.set(this.#record, now)
  }

  drop(): void {
    this.#zone.active.add(this.#record, -1)
  }

  /** Moves the weights one turn on, and returns the share by which `currentWeight` grew. */
  advance(weight: number, ramp: number): number {
    const effective = this.#zone.effectiveWeight.get(this.#record)
    const share = effective * ramp
    this.currentWeight += share
    if (effective < weight) this.#zone.effectiveWeight.set(this.#record, effective + 1)
    return share
  }

  /** A failure takes its part of the weight at once; every turn gives one back. */
  weaken(by: number): void {
    const effective = this.#zone.effectiveWeight.get(this.#record)
    this.#zone.effectiveWeight.set(this.#record, Math.max(effective - by, 0))
  }

  get effectiveWeight(): number {
    return this.#zone.effectiveWeight.get(this.#record)
  }

  get currentWeight(): number {
    return this.#zone.currentWeight.get(this.#record)
  }

  set currentWeight(value: number) {
    this.#zone.currentWeight.set(this.#record, value)
  }

  get fails(): number {
    return this.#zone.fails.get(this.#record)
  }

  set fails(value: number) {
    this.#zone.fails.set(this.#record, value)
  }

  get accessedAt(): number {
    return this.#zone.accessedAt.get(this.#record)
  }

  set accessedAt(value: number) {
    this.#zone.accessedAt.set(this.#record, value)
  }

  get checkedAt(): number {
    return this.#zone.checkedAt.get(this.#record)
  }

  set checkedAt(value: number) {
    this.#zone.checkedAt.set(this.#record, value)
  }

  /** When it came into use, for slow start; 0 when it was there from the beginning. */
  get startedAt(): number {
    return this.#zone.startedAt.get(this.#record)
  }

  set startedAt(value: number) {
    this.#zone.startedAt.set(this.#record, value)
  }

  /** Out of use from now on. */
  beginOutage(now: number): void {
    this.#zone.outages.add(this.#record, 1)
    this.#zone.downSince.set(this.#record, now)
  }

  endOutage(now: number): void {
    const since = this.#zone.downSince.get(this.#record)
    if (since > 0) this.#zone.downtimeMs.add(this.#record, now - since)
    this.#zone.downSince.set(this.#record, 0)
  }

  /** Averages follow the last times most: each takes an eighth. Workers that write at once may lose one. */
  recordTime(kind: TimeKind, ms: number): void {
    const field = this.#zone.times[kind]
    const before = field.get(this.#record)
    const taken = Math.max(ms, timeMinMs)
    field.set(this.#record, before === 0 ? taken : before + (taken - before) / averageParts)
  }

  averageMs(kind: TimeKind): number {
    return this.#zone.times[kind].get(this.#record)
  }

  countFailure(): void {
    this.#zone.failures.add(this.#record, 1)
  }

  countBytes(sent: number, received: number): void {
    this.#zone.sentBytes.add(this.#record, sent)
    this.#zone.receivedBytes.add(this.#record, received)
  }

  /** Totals over all workers, for the API and metrics. Times are of the monotonic clock. */
  totals(): PeerTotals {
    return {
      selections: this.#zone.selections.sum(this.#record),
      failures: this.#zone.failures.sum(this.#record),
      outages: this.#zone.outages.sum(this.#record),
      downtimeMs: this.#zone.downtimeMs.sum(this.#record),
      sentBytes: this.#zone.sentBytes.sum(this.#record),
      receivedBytes: this.#zone.receivedBytes.sum(this.#record),
      selectedAt: this.#zone.selectedAt.get(this.#record),
      downSince: this.#zone.downSince.get(this.#record),
    }
  }
}

export interface PeerTotals {
  readonly selections: number
  readonly failures: number
  readonly outages: number
  readonly downtimeMs: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly selectedAt: number
  readonly downSince: number
}
