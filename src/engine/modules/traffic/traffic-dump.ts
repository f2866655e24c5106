/**
 * `vhost_traffic_status_dump`: what was counted outlives the engine, in a file.
 *
 * The workers write it. For each zone one of them has the right to, by a lease in memory that they share, as
 * it is with active checks (docs/decisions/0009): a worker has the zone open, and what it works on is what
 * it counts in; no process is special, the single process has dumps too, and the master, which runs no
 * service code, and control, which may not be there, have no part in it. Lines are made in slices of a
 * millisecond, and disks are waited for by threads of Node.
 *
 * ```text
 *   first process, zone empty ──▶ wanted ── file read back ──▶ done ──▶ [ a dump every period ]* ──▶ last dump
 *   first process, zone in use ──────────────────────────────▶ done
 * ```
 *
 * Whether the file is read back is decided once in an engine's life, before anything is counted. A process
 * that dies meanwhile is followed by one that reads the file again, and adds what is missing
 * (`TrafficTable.restore`). When an engine stops, the last of its workers to leave writes all that was
 * counted, and tells the master before, which then waits for it. What a killed master leaves, or a last worker that is killed while the engine stops, is as old as
 * the last dump. An engine that takes over from a running one by USR2 begins with the last dump of that, and
 * has the file from its own first dump on: an engine leaves a file alone that a later one writes.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { Log } from '../../core/log.ts'
import { monotonicMs } from '../../core/monotonic.ts'
import { isAlive, ownWord } from '../../core/process-identity.ts'
import type { ZoneMemory } from '../../core/zone-memory.ts'
import {
  discard,
  readDump,
  readDumpHeader,
  setAside,
  sweepDrafts,
  writeDump,
  writeDumpNow,
} from './dump-file.ts'
import { DumpError, type DumpRecord, type DumpTable, encodeDump } from './dump-format.ts'
import { DumpState } from './dump-state.ts'
import { filterTableOf } from './filter-table.ts'
import { dumpTickMs, restorePauseMs } from './limits.ts'
import { inSlices } from './slices.ts'
import type { TrafficTable } from './traffic-table.ts'
import type { DumpPlace, FilterLimit } from './traffic-values.ts'
import type { TrafficZone } from './traffic-zone.ts'

export interface TrafficDumpOptions extends DumpPlace {
  readonly zone: TrafficZone
  readonly filterLimit: FilterLimit | undefined
  readonly memory: ZoneMemory
  readonly log: Log
}

/** The part that one process has in the dump of a zone. */
export class TrafficDump {
  readonly #options: TrafficDumpOptions
  readonly #state: DumpState
  readonly #timer: NodeJS.Timeout
  #isBusy = false
  #isClosed = false
  /** Why there is no dump: it is said once. */
  #said = ''

  /** Throws `ConfError` where there is no memory. */
  constructor(options: TrafficDumpOptions) {
    const { memory, zone, periodMs } = options
    this.#options = options
    this.#state = new DumpState(memory, zone.conf)
    // Each request is counted for a server, whatever else it is counted for.
    this.#state.decide(zone.servers.used === 0)
    this.#timer = setInterval(this.#tick, Math.min(periodMs, dumpTickMs)).unref()
    this.#tick()
  }

  /** The process has no part in it any more; others may. */
  close(): void {
    this.#close()
    this.#state.leave()
  }

  /** The process ends. The last one writes all that was counted. */
  end(onLastWork?: () => void): void {
    this.#close()
    if (!this.#state.leave()) return
    onLastWork?.()
    this.#state.alone(() => this.#finish())
  }

  #close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    if (this.#isBusy) discard(this.#options.path)
  }

  readonly #tick = (): void => {
    const now = monotonicMs()
    if (!this.#state.lease.take(now) || this.#isBusy || !this.#isDue(now)) return
    this.#isBusy = true
    void this.#work(now).finally(() => {
      this.#isBusy = false
    })
  }

  #isDue(now: number): boolean {
    const { restored, writtenAt } = this.#state
    return !restored || writtenAt === 0 || now - writtenAt >= this.#options.periodMs
  }

  async #work(now: number): Promise<void> {
    const { path } = this.#options
    const isWanted = (): boolean => !this.#isClosed
    try {
      if (!this.#state.restored) await inSlices(this.#restore(), restorePauseMs, isWanted)
      else {
        this.#state.writtenAt = now
        if (!this.#isOurs()) return
        await writeDump(path, this.#lines(), isWanted)
      }
      this.#said = ''
    } catch (error) {
      this.#report(error)
    }
  }

  /** Without pauses: nobody is served any more. */
  #finish(): void {
    try {
      if (!this.#state.restored) for (const _ of this.#restore());
      if (this.#isOurs()) writeDumpNow(this.#options.path, this.#lines())
    } catch (error) {
      this.#report(error)
    }
  }

  /** False while an engine that began after this one has the file. What is no dump is put away. */
  #isOurs(): boolean {
    const { path, zone } = this.#options
    try {
      const found = readDumpHeader(path)
      if (found === undefined || found.madeAt <= zone.servers.madeAt) return true
      if (!isAlive(found.writer)) return true
      this.#say('notice', 'is left to an engine that began later')
      return false
    } catch (error) {
      this.#putAway(error)
      return true
    }
  }

  *#restore(): Generator<void, void, undefined> {
    const { path, log } = this.#options
    sweepDrafts(path)
    let keys = 0
    let lost = 0
    try {
      for (const record of readDump(path)) {
        if (record !== undefined) {
          keys += 1
          if (!this.#tableOf(record).restore(record.traffic)) lost += 1
        }
        yield
      }
    } catch (error) {
      this.#putAway(error)
    }
    if (keys > 0) log.write('notice', `dump of traffic "${path}": ${keys} keys are read back`)
    if (lost > 0) log.write('warn', `dump of traffic "${path}": there is no room for ${lost} keys`)
    this.#state.setRestored()
  }

  /** A file that cannot be read is kept from being written over, where that is possible. */
  #putAway(error: unknown): void {
    if (!(error instanceof DumpError)) throw error
    const { path, log } = this.#options
    log.write('warn', `dump of traffic "${path}" is not read: ${error.message}; ${keep(path)}`)
  }

  #lines(): Iterable<string> {
    const { madeAt } = this.#options.zone.servers
    return encodeDump({ madeAt, writer: ownWord }, this.#records())
  }

  *#records(): Generator<DumpRecord, void, undefined> {
    const { zone, filterLimit } = this.#options
    const tables: readonly (readonly [DumpTable, TrafficTable])[] = [
      ['servers', zone.servers],
      ['locations', zone.locations],
      ['filters', zone.filters],
      ...(filterLimit ? ([['filters', zone.limitedFilters(filterLimit.keys)]] as const) : []),
      ['upstreams', zone.upstreams],
    ]
    for (const [table, counted] of tables) {
      for (const traffic of counted.counts()) yield { table, traffic }
    }
  }

  #tableOf({ table, traffic }: DumpRecord): TrafficTable {
    const { zone, filterLimit } = this.#options
    return table === 'filters' ? filterTableOf(zone, traffic.group, filterLimit) : zone[table]
  }

  /** Errors of the system, and a zone without memory; clients are served all the same. */
  #report(error: unknown): void {
    const { message } = error as Error
    const isOfSystem = (error as NodeJS.ErrnoException).code !== undefined
    if (!isOfSystem && !(error instanceof ConfError)) throw error
    this.#say('error', `is not made: ${message}`)
  }

  #say(level: 'error' | 'notice', what: string): void {
    if (what === this.#said) return
    this.#said = what
    this.#options.log.write(level, `dump of traffic "${this.#options.path}" ${what}`)
  }
}

function keep(path: string): string {
  try {
    return `it is kept as "${setAside(path)}"`
  } catch (error) {
    return (error as Error).message
  }
}
