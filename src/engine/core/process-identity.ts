/**
 * Who a process is, in a word that fits an Int32 of shared memory.
 *
 * A pid alone is not enough: it is used again after its process died. The time at which the process
 * started tells the two apart.
 *
 * ```text
 *   bit 30 ……………… 22 21 ……………………………… 0
 *   │ start ticks mod 511, + 1 │      pid (Linux: at most 2^22) │        never 0: 0 means "nobody"
 * ```
 */
import { readFileSync } from 'node:fs'

const pidBits = 22
const pidMask = (1 << pidBits) - 1
const startModulus = 511

/** Fields of `/proc/<pid>/stat` after the command: proc(5) counts from 1, and state is the third. */
const stateField = 0
const startField = 19

export interface ProcessStat {
  readonly state: string
  /** Clock ticks between boot and the start of the process. */
  readonly startTicks: number
}

/** State and start of a process, or `undefined` where there is none (or no /proc). */
export function readProcessStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command stands in parentheses and may hold anything, parentheses too.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[stateField]!, startTicks: Number(fields[startField]) }
  } catch {
    return undefined
  }
}

/** The word of this process. */
export const ownWord: number = wordOf(process.pid, readProcessStat(process.pid))

function wordOf(pid: number, stat: ProcessStat | undefined): number {
  const start = ((stat?.startTicks ?? 0) % startModulus) + 1
  return (start << pidBits) | (pid & pidMask)
}

export function pidOf(word: number): number {
  return word & pidMask
}

/** True while the process that wrote the word lives; a zombie, whose parent has not looked yet, is dead. */
export function isAlive(word: number): boolean {
  if (word === ownWord) return true
  const pid = pidOf(word)
  const stat = readProcessStat(pid)
  if (stat === undefined) return process.platform !== 'linux' && answersSignal(pid)
  if (stat.state === 'Z' || stat.state === 'X') return false
  return wordOf(pid, stat) === word
}

function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
