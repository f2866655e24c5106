/**
 * How the processes of an engine are: memory, delay of the event loop, connections. Each writes what it knows
 * of itself into a record of shared memory every few seconds; nobody has to be asked, and one that hangs is
 * known by its silence.
 *
 * A record ends with its process.
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import type { SharedTable } from '../core/shared-table.ts'
import type { Float64Field } from '../core/shared-fields.ts'
import { processesMax, type TableLayout } from '../core/table-layout.ts'
import { openTable, type ZoneMemory } from '../core/zone-memory.ts'

/** How often a process writes. */
export const vitalsTickMs = 2000

/** How exactly delays are seen: a process without work is woken so often. */
const delayResolutionMs = 50

const names = [
  /** When it was written, by the wall clock. */
  'at',
  'startedAt',
  'residentBytes',
  'heapUsedBytes',
  'heapTotalBytes',
  'externalBytes',
  'delayP50Ms',
  'delayP90Ms',
  'delayP99Ms',
  'delayMaxMs',
  'utilization',
  'connections',
  'revision',
] as const

type Name = (typeof names)[number]

export type Vitals = { readonly [N in Name]: number } & {
  /** `master`, `worker`, `copilot ctrl` */
  readonly role: string
  readonly pid: number
}

const fields = Object.fromEntries(names.map((name) => [name, 'float64'])) as Record<Name, 'float64'>

const layout: TableLayout<typeof fields> = {
  fields,
  capacity: processesMax,
  owners: processesMax,
  keyBytesMax: 64,
  unused: 'remove',
}

class VitalsTable {
  readonly table: SharedTable<typeof fields>
  readonly #fields: Readonly<Record<Name, Float64Field>>

  constructor(memory: ZoneMemory) {
    this.table = openTable(memory, 'processes', layout)
    const all = names.map((name) => [name, this.table.float64(name)] as const)
    this.#fields = Object.fromEntries(all) as Record<Name, Float64Field>
  }

  write(record: number, values: Readonly<Record<Name, number>>): void {
    for (const name of names) this.#fields[name].set(record, values[name])
  }

  read(record: number): Readonly<Record<Name, number>> {
    const values = names.map((name) => [name, this.#fields[name].get(record)] as const)
    return Object.fromEntries(values) as Record<Name, number>
  }
}

export interface VitalsSubject {
  readonly role: string
  /** Connections that are open. */
  readonly connections?: () => number
  /** Of the configuration that it runs. */
  readonly revision?: () => number
}

/** Writes about this process for as long as it lives. */
export class VitalsReporter {
  readonly #subject: VitalsSubject
  readonly #table: VitalsTable
  readonly #record: number
  readonly #delays: ReturnType<typeof monitorEventLoopDelay>
  readonly #timer: NodeJS.Timeout
  /** When its share of time was last worked out, and what it had used by then. */
  #since = { at: performance.now(), used: process.threadCpuUsage() }

  /** Throws where there is no memory, or no room for another process. */
  constructor(memory: ZoneMemory, subject: VitalsSubject) {
    this.#subject = subject
    this.#table = new VitalsTable(memory)
    this.#record = this.#table.table.acquire(`${subject.role} ${process.pid}`)
    if (this.#record < 0) throw new Error('there is no room for the vitals of another process')
    this.#delays = monitorEventLoopDelay({ resolution: delayResolutionMs })
    this.#delays.enable()
    this.#timer = setInterval(() => this.#write(), vitalsTickMs).unref()
    this.#write()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#delays.disable()
    this.#table.table.release(this.#record)
  }

  #write(): void {
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
    this.#table.write(this.#record, {
      at: Date.now(),
      startedAt: performance.timeOrigin,
      residentBytes: rss,
      heapUsedBytes: heapUsed,
      heapTotalBytes: heapTotal,
      externalBytes: external,
      delayP50Ms: this.#delay(this.#delays.percentile(50)),
      delayP90Ms: this.#delay(this.#delays.percentile(90)),
      delayP99Ms: this.#delay(this.#delays.percentile(99)),
      delayMaxMs: this.#delay(this.#delays.max),
      utilization: this.#utilization(),
      connections: this.#subject.connections?.() ?? 0,
      revision: this.#subject.revision?.() ?? 0,
    })
    this.#delays.reset()
  }

  /** Share of the time since it was last asked that the main thread had a processor, 0 to 1. */
  #utilization(): number {
    const { at, used } = this.#since
    this.#since = { at: performance.now(), used: process.threadCpuUsage() }
    const { user, system } = process.threadCpuUsage(used)
    return Math.min(1, (user + system) / 1000 / (this.#since.at - at || 1))
  }

  /** What is measured is the time between two looks, in nanoseconds. */
  #delay(ns: number): number {
    return this.#delays.count === 0 ? 0 : Math.max(0, ns / 1e6 - delayResolutionMs)
  }
}

const tables = new WeakMap<ZoneMemory, VitalsTable>()

/** Of all processes that live. */
export function readVitals(memory: ZoneMemory): readonly Vitals[] {
  const known = tables.getOrInsertComputed(memory, () => new VitalsTable(memory))
  known.table.reclaim()
  return [...known.table.records()].map((record) => {
    const key = known.table.key(record)
    const at = key.lastIndexOf(' ')
    return { role: key.slice(0, at), pid: Number(key.slice(at + 1)), ...known.read(record) }
  })
}
