/**
 * What the processes of an engine agree on about the dump of a zone, in memory that they share: who writes
 * it, when it was written last, whether the file was read back, and who is still there.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { SharedLease } from '../../core/shared-lease.ts'
import type { SharedTable } from '../../core/shared-table.ts'
import { processesMax, type TableLayout } from '../../core/table-layout.ts'
import { openTable, type ZoneMemory } from '../../core/zone-memory.ts'
import { dumpLeaseMs, dumpTickMs } from './limits.ts'
import type { TrafficZoneConf } from './traffic-zone.ts'

const fields = {
  phase: 'int32',
  /** The process that writes, and when it last said that it is there. */
  holder: 'int32',
  seenAt: 'float64',
  /** When the file was written or read, by the clock of the machine; 0 for never. */
  writtenAt: 'float64',
  /** A lock: the last dump is written by one. */
  last: 'int32',
} as const

const layout: TableLayout<typeof fields> = {
  fields,
  capacity: 1,
  owners: processesMax,
  keyBytesMax: 4,
  unused: 'keep',
}

/** Whether the file was read back: not yet decided, to be done, or nothing is left to do. */
const phases = { fresh: 0, wanted: 1, done: 2 } as const

export class DumpState {
  readonly lease: SharedLease
  readonly #table: SharedTable<typeof fields>
  readonly #record: number

  /** The process takes part from now on. Throws `ConfError`. */
  constructor(memory: ZoneMemory, { name, bytes }: TrafficZoneConf) {
    this.#table = openState(memory, `traffic ${name} ${bytes} dump`)
    this.#record = this.#table.acquire('')
    if (this.#record < 0) throw new ConfError('the state of the dump is in use')
    this.lease = new SharedLease({
      holder: this.#table.int32('holder'),
      seenAt: this.#table.float64('seenAt'),
      record: this.#record,
      tickMs: dumpTickMs,
      silentMsMax: dumpLeaseMs,
    })
  }

  /** Decides whether the file is read back; only the first to ask does. */
  decide(isEmpty: boolean): void {
    const phase = isEmpty ? phases.wanted : phases.done
    this.#table.int32('phase').exchange(this.#record, phases.fresh, phase)
  }

  get restored(): boolean {
    return this.#table.int32('phase').get(this.#record) === phases.done
  }

  setRestored(): void {
    this.#table.int32('phase').set(this.#record, phases.done)
  }

  get writtenAt(): number {
    return this.#table.float64('writtenAt').get(this.#record)
  }

  set writtenAt(now: number) {
    this.#table.float64('writtenAt').set(this.#record, now)
  }

  /** The process takes part no longer. True when nobody who lives does. */
  leave(): boolean {
    this.lease.giveUp()
    this.#table.release(this.#record)
    this.#table.reclaim()
    return this.#table.users(this.#record) === 0
  }

  /** For those who left and found themselves the last, which may be several: one after the other. */
  alone(work: () => void): void {
    const lock = this.#table.lockOf('last', this.#record)
    if (!lock.lock()) return
    try {
      work()
    } finally {
      lock.unlock()
    }
  }
}

function openState(memory: ZoneMemory, name: string): SharedTable<typeof fields> {
  try {
    return openTable(memory, name, layout)
  } catch (error) {
    throw new ConfError((error as Error).message)
  }
}
