/**
 * What is known of a peer while the engine runs: connections, failures, weights in motion, totals.
 *
 * It lives in a record of a shared table, so that all workers see one state: in the group's `zone` in
 * shared memory, or in a table of the process's own where the group has none. The state belongs to the
 * peer's address and outlives versions of its group; it ends when no version and no connection uses it.
 */
import { PeerBreaker } from './breaker.ts'
import { PeerHealth } from './health/health-cells.ts'
import { PeerStatistics } from './peer-statistics.ts'
import type { PeerZone } from './peer-zone.ts'

/** Until the connection, the first byte (in HTTP the head) and the last byte of a response were there. */
export type TimeKind = 'connect' | 'header' | 'last_byte'

/** What took no time at all is not taken for a peer that was never asked. */
const timeMinMs = 0.1
const averageParts = 8

export class PeerState {
  /** What active checks found. */
  readonly health: PeerHealth
  readonly breaker: PeerBreaker
  /** Kept in zones that other processes see. */
  readonly statistics: PeerStatistics | undefined
  readonly #zone: PeerZone
  readonly #record: number
  /** Versions of the group that have it. */
  #users = 1

  /** Takes over the caller's use of the record. */
  constructor(zone: PeerZone, record: number) {
    this.#zone = zone
    this.#record = record
    this.health = new PeerHealth(zone.health, record)
    this.breaker = new PeerBreaker(zone.breaker, zone.window, record)
    this.statistics = zone.statistics && new PeerStatistics(zone.statistics, record)
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

  /** As it is configured. */
  get weight(): number {
    return this.#zone.weight.get(this.#record)
  }

  /** Connections (or requests) under way, of all workers. */
  get active(): number {
    return this.#zone.active.sum(this.#record)
  }

  /** A connection begins. */
  hold(now: number): void {
    this.#zone.active.add(this.#record, 1)
    this.#zone.selectedAt.set(this.#record, now)
    this.statistics?.countRequest()
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

  /** Checks keep it from clients from now on. */
  beginDowntime(now: number): void {
    if (this.#zone.downSince.get(this.#record) === 0) this.#zone.downSince.set(this.#record, now)
  }

  endOutage(now: number): void {
    const since = this.#zone.downSince.get(this.#record)
    if (since > 0) this.#zone.downtimeMs.add(this.#record, Math.round(now - since))
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

  /** Over all workers. Times are of the monotonic clock. */
  totals(): PeerTotals {
    return {
      failures: this.#zone.failures.get(this.#record),
      outages: this.#zone.outages.get(this.#record),
      downtimeMs: this.#zone.downtimeMs.get(this.#record),
      selectedAt: this.#zone.selectedAt.get(this.#record),
      downSince: this.#zone.downSince.get(this.#record),
    }
  }

  /** What the API shows of it counts from 0 again; what balancing goes by stays. */
  resetTotals(): void {
    this.#zone.failures.reset(this.#record)
    this.#zone.outages.reset(this.#record)
    this.#zone.downtimeMs.reset(this.#record)
    this.#zone.selectedAt.set(this.#record, 0)
    this.health.resetTotals()
    this.statistics?.reset()
  }
}

export interface PeerTotals {
  /** Attempts that failed. */
  readonly failures: number
  /** How often failures put it out of use. */
  readonly outages: number
  readonly downtimeMs: number
  /** When a client was given to it for the last time; 0 for never. */
  readonly selectedAt: number
  /** 0 while it is in use. */
  readonly downSince: number
}
