/**
 * The state of the machine and of this process' event loop, looked at on a timer: requests only read it.
 *
 * ```text
 *   every interval   load · processors · memory            as long as requests ask
 *   every 20 ms      how late is this timer? ─▶ smoothed ─▶ delay of the event loop
 * ```
 */
import { loadavg } from 'node:os'
import {
  busyPercent,
  type CpuTimes,
  type MemoryState,
  readCpuTimes,
  readMemoryState,
} from '../../core/system-load.ts'

/** Where it looks; tests have their own machine. */
export interface WatchSources {
  readonly load: () => number
  readonly cpuTimes: () => CpuTimes
  readonly memory: () => MemoryState | undefined
  /** Milliseconds of a clock that is never set. */
  readonly now: () => number
}

const systemSources: WatchSources = {
  load: () => loadavg()[0]!,
  cpuTimes: readCpuTimes,
  memory: readMemoryState,
  now: () => performance.now(),
}

/** How often the event loop is asked how late it is. */
const probeMs = 20
/** Part of a new delay in the smoothed one: one long turn counts, and is forgotten in a fifth of a second. */
const probeWeight = 0.2
/** Without a request for so many intervals the watch ends, until the next one comes. */
const idleIntervalsMax = 60

export class SystemWatch {
  /** Average of the last minute. */
  load: number = 0
  /** Percent of all processors, over the last interval. */
  cpuPercent: number = 0
  /** Delay of the event loop, smoothed. */
  loopDelayMs: number = 0
  /** Free, or given back when it is wanted. */
  freeBytes: number = Infinity
  swapUsedPercent: number = 0
  memory: MemoryState | undefined
  readonly #sources: WatchSources
  readonly #intervalMs: number
  #cpuBefore: CpuTimes | undefined
  #probedAt = 0
  #idleIntervals = 0
  #timers: readonly NodeJS.Timeout[] = []

  constructor(intervalMs: number, sources: WatchSources = systemSources) {
    this.#intervalMs = intervalMs
    this.#sources = sources
  }

  /** A request is about to read it. */
  touch(): void {
    this.#idleIntervals = 0
    if (this.#timers.length === 0) this.#start()
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
    this.#cpuBefore = undefined
  }

  /** Looks at the machine; done by itself every interval. */
  look(): void {
    const { load, cpuTimes, memory } = this.#sources
    const cpu = cpuTimes()
    this.load = load()
    if (this.#cpuBefore !== undefined) this.cpuPercent = busyPercent(this.#cpuBefore, cpu)
    this.#cpuBefore = cpu
    this.memory = memory()
    if (this.memory === undefined) return
    const { freeBytes, bufferBytes, cachedBytes, swapTotalBytes, swapFreeBytes } = this.memory
    this.freeBytes = freeBytes + bufferBytes + cachedBytes
    this.swapUsedPercent =
      swapTotalBytes === 0 ? 0 : (100 * (swapTotalBytes - swapFreeBytes)) / swapTotalBytes
  }

  /** Notes how late the event loop is; done by itself all the time. */
  probe(): void {
    const now = this.#sources.now()
    const late = Math.max(now - this.#probedAt - probeMs, 0)
    this.#probedAt = now
    this.loopDelayMs += (late - this.loopDelayMs) * probeWeight
  }

  #start(): void {
    this.cpuPercent = 0
    this.loopDelayMs = 0
    this.#probedAt = this.#sources.now()
    this.look()
    const looking = setInterval(() => this.#onInterval(), this.#intervalMs)
    const probing = setInterval(() => this.probe(), probeMs)
    this.#timers = [looking.unref(), probing.unref()]
  }

  #onInterval(): void {
    this.#idleIntervals += 1
    if (this.#idleIntervals > idleIntervalsMax) this.stop()
    else this.look()
  }
}

const watches = new Map<number, SystemWatch>()

/** The watch of this process that looks so often. */
export function systemWatchOf(intervalMs: number): SystemWatch {
  return watches.getOrInsertComputed(intervalMs, () => new SystemWatch(intervalMs))
}
