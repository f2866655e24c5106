/** How busy the machine is: its processors, its memory, and the processes on it. */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** Milliseconds of all processors since the machine began. */
export interface CpuTimes {
  readonly busy: number
  readonly total: number
}

export interface MemoryState {
  readonly totalBytes: number
  readonly freeBytes: number
  readonly bufferBytes: number
  readonly cachedBytes: number
  readonly swapTotalBytes: number
  readonly swapFreeBytes: number
}

/** Linux tells times of processes in these, whatever its own clock does. */
const ticksPerSecond = 100

/** Fields of `/proc/<pid>/stat` behind the command, counted from 0. */
const userTimeField = 11
const systemTimeField = 12

export function readCpuTimes(): CpuTimes {
  let busy = 0
  let idle = 0
  for (const { times } of cpus()) {
    busy += times.user + times.nice + times.sys + times.irq
    idle += times.idle
  }
  return { busy, total: busy + idle }
}

/** Share of the processors that was busy between two looks, in percent; 0 where no time has passed. */
export function busyPercent(before: CpuTimes, after: CpuTimes): number {
  const total = after.total - before.total
  return total > 0 ? (100 * (after.busy - before.busy)) / total : 0
}

/** What a process has used of processors; `undefined` where there is none, or no /proc. */
export function readProcessCpuMs(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command stands in parentheses and may hold anything, parentheses too.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[userTimeField]) + Number(fields[systemTimeField])
    return (ticks * 1000) / ticksPerSecond
  } catch {
    return undefined
  }
}

/** As `/proc/meminfo` says it; `undefined` where there is none. */
export function readMemoryState(): MemoryState | undefined {
  try {
    return parseMemoryState(readFileSync('/proc/meminfo', 'latin1'))
  } catch {
    return undefined
  }
}

export function parseMemoryState(text: string): MemoryState {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024
  return {
    totalBytes: bytes('MemTotal'),
    freeBytes: bytes('MemFree'),
    bufferBytes: bytes('Buffers'),
    cachedBytes: bytes('Cached'),
    swapTotalBytes: bytes('SwapTotal'),
    swapFreeBytes: bytes('SwapFree'),
  }
}
