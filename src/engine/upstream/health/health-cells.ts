/**
 * What active checks know of a peer, in the group's zone: all workers see it, and it outlives the process
 * that checks.
 *
 * ```text
 *   bit  15 …………………… 8  7 …………………… 0
 *   │ not checked yet │ unhealthy │        one bit each for every probe of the group; 0: clients may come
 * ```
 *
 * Bits are set and cleared by the one process that probes, and by those that take a version of the group
 * into use; a peer is asked for them with one load.
 */
import type { Float64Field, Int32Field } from '../../core/shared-fields.ts'
import { SharedLease } from '../../core/shared-lease.ts'
import { probeLeaseMs, probeTickMs, probesMax } from '../limits.ts'

/** Fields of a zone's records. */
export const healthFields = {
  health: 'int32',
  /** Outcome of the last check: 0 for none yet, 1 passed, 2 failed. */
  lastCheck: 'int32',
  /** In the group's own record: the process that probes, and when it last said so. */
  prober: 'int32',
  proberSeenAt: 'float64',
  // One process counts at a time, so that these need no column for each.
  checks: 'float64',
  failedChecks: 'float64',
  unhealthyTurns: 'float64',
} as const

interface HealthTable {
  int32(name: 'health' | 'lastCheck' | 'prober'): Int32Field
  float64(name: 'proberSeenAt' | 'checks' | 'failedChecks' | 'unhealthyTurns'): Float64Field
}

/** The fields over all records of a zone. */
export class HealthCells {
  readonly health: Int32Field
  readonly lastCheck: Int32Field
  readonly prober: Int32Field
  readonly proberSeenAt: Float64Field
  readonly checks: Float64Field
  readonly failedChecks: Float64Field
  readonly unhealthyTurns: Float64Field

  constructor(table: HealthTable) {
    this.health = table.int32('health')
    this.lastCheck = table.int32('lastCheck')
    this.prober = table.int32('prober')
    this.proberSeenAt = table.float64('proberSeenAt')
    this.checks = table.float64('checks')
    this.failedChecks = table.float64('failedChecks')
    this.unhealthyTurns = table.float64('unhealthyTurns')
  }
}

/** As the API and metrics show it. */
export interface HealthTotals {
  readonly checks: number
  readonly fails: number
  /** How often the peer became unhealthy. */
  readonly unhealthy: number
  /** `undefined` before the first check. */
  readonly lastPassed: boolean | undefined
}

const passed = 1
const failed = 2

export class PeerHealth {
  readonly #cells: HealthCells
  readonly #record: number

  constructor(cells: HealthCells, record: number) {
    this.#cells = cells
    this.#record = record
  }

  /** No check keeps the peer from clients. */
  get fine(): boolean {
    return this.#cells.health.get(this.#record) === 0
  }

  get status(): 'unhealthy' | 'checking' | undefined {
    const bits = this.#cells.health.get(this.#record)
    if (bits === 0) return undefined
    return (bits & unhealthyBits(probesMax)) === 0 ? 'checking' : 'unhealthy'
  }

  /** A peer is new that must be checked before it gets clients. */
  awaitChecks(probes: number): void {
    this.#cells.health.setBits(this.#record, awaitedBits(probes))
  }

  /** Forgets what probes found that are no more. */
  keep(probes: number, mandatory: boolean): void {
    const bits = unhealthyBits(probes) | (mandatory ? awaitedBits(probes) : 0)
    this.#cells.health.keepBits(this.#record, bits)
  }

  isAwaited(probe: number): boolean {
    return (this.#cells.health.get(this.#record) & awaitedBit(probe)) !== 0
  }

  isUnhealthy(probe: number): boolean {
    return (this.#cells.health.get(this.#record) & unhealthyBit(probe)) !== 0
  }

  setHealthy(probe: number): void {
    this.#cells.health.keepBits(this.#record, ~(unhealthyBit(probe) | awaitedBit(probe)))
  }

  setUnhealthy(probe: number): void {
    this.#cells.health.setBits(this.#record, unhealthyBit(probe))
    this.#cells.health.keepBits(this.#record, ~awaitedBit(probe))
    this.#add(this.#cells.unhealthyTurns)
  }

  count(hasPassed: boolean): void {
    this.#add(this.#cells.checks)
    if (!hasPassed) this.#add(this.#cells.failedChecks)
    this.#cells.lastCheck.set(this.#record, hasPassed ? passed : failed)
  }

  totals(): HealthTotals {
    const last = this.#cells.lastCheck.get(this.#record)
    return {
      checks: this.#cells.checks.get(this.#record),
      fails: this.#cells.failedChecks.get(this.#record),
      unhealthy: this.#cells.unhealthyTurns.get(this.#record),
      lastPassed: last === 0 ? undefined : last === passed,
    }
  }

  /** Counts from zero again. */
  resetTotals(): void {
    this.#cells.checks.set(this.#record, 0)
    this.#cells.failedChecks.set(this.#record, 0)
    this.#cells.unhealthyTurns.set(this.#record, 0)
  }

  #add(field: Float64Field): void {
    field.set(this.#record, field.get(this.#record) + 1)
  }
}

/** The right to probe a group; to be asked for every `probeTickMs`. */
export function probeLease({ prober, proberSeenAt }: HealthCells, record: number): SharedLease {
  const terms = { tickMs: probeTickMs, silentMsMax: probeLeaseMs }
  return new SharedLease({ holder: prober, seenAt: proberSeenAt, record, ...terms })
}

function unhealthyBit(probe: number): number {
  return 1 << probe
}

function awaitedBit(probe: number): number {
  return 1 << (probesMax + probe)
}

function unhealthyBits(probes: number): number {
  return (1 << probes) - 1
}

/** Where a group has no probe yet, the first that comes is awaited. */
function awaitedBits(probes: number): number {
  return unhealthyBits(Math.max(probes, 1)) << probesMax
}
