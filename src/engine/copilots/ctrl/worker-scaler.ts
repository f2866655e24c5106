/** Measures the workers at intervals, and has the master start or end some, as `sysguard_cpu` has it. */
import { findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import type { ChangeResult, ProcessNote } from '../../control/plane.ts'
import {
  parseWorkerScaling,
  scaledWorkerCount,
  type WorkerLoad,
  type WorkerScaling,
} from '../../control/worker-scaling.ts'
import type { Log } from '../../core/log.ts'
import {
  busyPercent,
  type CpuTimes,
  readCpuTimes,
  readProcessCpuMs,
} from '../../core/system-load.ts'

/** What it asks of the master. */
export interface ScaledEngine {
  processes(): Promise<readonly ProcessNote[]>
  setWorkers(count: number): Promise<ChangeResult>
}

/** Where it looks; tests have their own machine. */
export interface LoadSources {
  readonly cpuTimes: () => CpuTimes
  readonly processCpuMs: (pid: number) => number | undefined
  /** Milliseconds of a clock that is never set. */
  readonly now: () => number
}

const systemSources: LoadSources = {
  cpuTimes: readCpuTimes,
  processCpuMs: readProcessCpuMs,
  now: () => performance.now(),
}

/** How a worker is called among the processes. */
const workerTitle = 'worker process'

interface Look {
  readonly at: number
  readonly cpu: CpuTimes
  /** What each worker has used so far, by pid. */
  readonly used: ReadonlyMap<number, number>
}

export class WorkerScaler {
  readonly #engine: ScaledEngine
  readonly #log: Log
  readonly #sources: LoadSources
  #scaling: WorkerScaling | undefined
  #timer: NodeJS.Timeout | undefined
  #before: Look | undefined
  #looking = false

  constructor(engine: ScaledEngine, log: Log, sources: LoadSources = systemSources) {
    this.#engine = engine
    this.#log = log
    this.#sources = sources
  }

  /** Takes the directive of control's configuration into use, or stops where there is none. */
  follow(tree: Directive): void {
    const node = findDirective(tree.block, 'sysguard_cpu')
    this.stop()
    if (node === undefined) return
    const scaling = parseWorkerScaling(node.args)
    this.#scaling = scaling
    void this.look()
    this.#timer = setInterval(() => void this.look(), scaling.intervalMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#scaling = undefined
    this.#before = undefined
  }

  /** Measures since the last look, and acts upon it; one look at a time. */
  async look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      await this.#look()
    } catch (error) {
      this.#log.write('error', `sysguard_cpu: ${(error as Error).message}`)
    } finally {
      this.#looking = false
    }
  }

  async #look(): Promise<void> {
    const processes = await this.#engine.processes()
    const pids = processes
      .filter(({ title, state }) => title === workerTitle && state === 'serving')
      .map(({ pid }) => pid)
    const before = this.#before
    const now = this.#measure(pids)
    const scaling = this.#scaling
    this.#before = now
    if (scaling === undefined || before === undefined) return
    const load = loadOf(before, now)
    const count = load.workers === 0 ? 0 : scaledWorkerCount(load, scaling)
    if (count !== load.workers) await this.#resize(count, load)
  }

  #measure(pids: readonly number[]): Look {
    const used = new Map<number, number>()
    for (const pid of pids) {
      const ms = this.#sources.processCpuMs(pid)
      if (ms !== undefined) used.set(pid, ms)
    }
    return { at: this.#sources.now(), cpu: this.#sources.cpuTimes(), used }
  }

  async #resize(count: number, load: WorkerLoad): Promise<void> {
    const busy = `workers at ${load.workerPercent.toFixed(0)}%, machine at ${load.systemPercent.toFixed(0)}%`
    this.#log.write('notice', `sysguard_cpu: ${load.workers} to ${count} workers: ${busy}`)
    const result = await this.#engine.setWorkers(count)
    if (result.kind === 'refused') this.#log.write('error', `sysguard_cpu: ${result.reply.msg}`)
  }
}

/** A worker that was not there at the first look has used all its time since. */
function loadOf(before: Look, now: Look): WorkerLoad {
  const elapsed = now.at - before.at
  let spent = 0
  for (const [pid, ms] of now.used) spent += ms - (before.used.get(pid) ?? 0)
  const workers = now.used.size
  const share = elapsed > 0 && workers > 0 ? spent / elapsed / workers : 0
  return { workers, workerPercent: 100 * share, systemPercent: busyPercent(before.cpu, now.cpu) }
}
