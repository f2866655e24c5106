/**
 * Reading /proc: which processes live, whose children they are, what they cost, where they listen.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  /** `Z` for one that ended and was not yet collected. */
  readonly state: string
  /** The command line, or the title a process gave itself. */
  readonly command: string
  /** User and system time, in clock ticks of 10 ms. */
  readonly cpuTicks: number
}

/** Length of a clock tick in /proc; fixed at 100 Hz by the kernel's interface. */
export const clockTickMs = 10

/** One process, or `undefined` once it is gone. */
export function readProcess(pid: number): ProcessEntry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    // The name in parentheses may hold spaces and parentheses: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return {
      pid,
      parent: Number(fields[1]),
      state: fields[0]!,
      command,
      cpuTicks: Number(fields[11]) + Number(fields[12]),
    }
  } catch {
    return undefined
  }
}

export function readProcesses(): ProcessEntry[] {
  const out: ProcessEntry[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const entry = readProcess(Number(name))
    if (entry !== undefined) out.push(entry)
  }
  return out
}

/** The process and all its living descendants, parents first. */
export function processTree(root: number): ProcessEntry[] {
  const all = readProcesses().filter(({ state }) => state !== 'Z')
  const tree = all.filter(({ pid }) => pid === root)
  for (let i = 0; i < tree.length; i++) {
    tree.push(...all.filter(({ parent }) => parent === tree[i]!.pid))
  }
  return tree
}

export function isAlive(pid: number): boolean {
  const entry = readProcess(pid)
  return entry !== undefined && entry.state !== 'Z'
}

/** Proportional resident memory in bytes (PSS): shared pages are counted by share. */
export function memoryBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024
}

export function openDescriptors(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(`${folder}/${fd}`)]
    } catch {
      return []
    }
  })
}

export type Transport = 'tcp' | 'udp'

/** Whether someone listens on the port, in the network namespace of `pid`; asks without connecting. */
export function isListening(
  port: number,
  transport: Transport = 'tcp',
  pid: number = process.pid,
): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  // 0A is LISTEN; an unconnected UDP socket is shown as 07.
  const pattern = new RegExp(
    `^ *\\d+: [0-9A-F]+:${hex} \\S+ ${transport === 'tcp' ? '0A' : '07'} `,
    'm',
  )
  return [transport, `${transport}6`].some((table) => {
    try {
      return pattern.test(readFileSync(`/proc/${pid}/net/${table}`, 'utf8'))
    } catch {
      return false
    }
  })
}
