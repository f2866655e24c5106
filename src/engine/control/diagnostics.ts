/** How the processes of the engine are: what the master says of them, what they report, what the system knows. */
import { readFileSync } from 'node:fs'
import { readVitals, type Vitals, vitalsTickMs } from '../modules/process-vitals.ts'
import type { ControlPlane, ProcessNote } from './plane.ts'

export interface ProcessReport {
  readonly role: string
  /** As system tools show it. */
  readonly title: string
  readonly pid: number
  readonly state: ProcessNote['state']
  readonly restarts: number
  /** `undefined` for what does not report: a program of another kind, or one that hangs since its start. */
  readonly vitals: Vitals | undefined
  /** Milliseconds since it reported last. */
  readonly silentMs: number | undefined
  readonly residentBytes: number | undefined
}

export const workerTitle = 'worker process'

/** A process that is silent for longer than this is busy with something, or stuck. */
export const silentMaxMs: number = 5 * vitalsTickMs

/** The master first, then workers and copilots. */
export async function processReports(
  plane: ControlPlane,
  now: number,
): Promise<readonly ProcessReport[]> {
  const notes = await plane.processes()
  const vitals = new Map(readVitals(plane.zones).map((one) => [one.pid, one]))
  const master = [...vitals.values()].find(({ role }) => role === 'master')
  const all: readonly ProcessNote[] =
    master === undefined
      ? notes
      : [{ title: 'master process', pid: master.pid, state: 'serving', restarts: 0 }, ...notes]
  return all.map((note) => {
    const own = vitals.get(note.pid)
    return {
      ...note,
      role: own?.role ?? roleOf(note.title),
      vitals: own,
      silentMs: own && Math.max(0, Math.round(now - own.at)),
      residentBytes: residentBytes(note.pid) ?? own?.residentBytes,
    }
  })
}

function roleOf(title: string): string {
  return title === workerTitle ? 'worker' : title
}

/** Why not all workers serve; empty when they do. */
export function unreadiness(reports: readonly ProcessReport[]): readonly string[] {
  const workers = reports.filter(
    ({ title, state }) => title === workerTitle && state !== 'stopping',
  )
  if (workers.length === 0) return ['there is no worker']
  return workers.flatMap(({ pid, state, silentMs = 0 }) => {
    if (state !== 'serving') return [`worker process ${pid} is ${state}`]
    if (silentMs <= silentMaxMs) return []
    return [`worker process ${pid} has not reported for ${Math.round(silentMs / 1000)} s`]
  })
}

const kilobyte = 1024

/** Of any process of this machine (proc(5)). */
function residentBytes(pid: number): number | undefined {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return match === null ? undefined : Number(match[1]) * kilobyte
  } catch {
    return undefined
  }
}
