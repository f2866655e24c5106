/**
 * Which core does what: the program under measurement has one for itself, load and backend share another.
 */
import { availableParallelism } from 'node:os'
import { runOk } from '../test/support/process.ts'

export const serverCore = 0
export const loadCore = 1

const enough = availableParallelism() > 1

type Command = readonly [file: string, ...args: string[]]

/** The command, pinned to a core. */
export function onCore(core: number, command: Command): Command {
  return enough ? ['taskset', '-c', String(core), ...command] : command
}

/** Pins running processes, all their threads, and whatever they start from now on. */
export async function pin(pids: readonly number[], core: number): Promise<void> {
  if (!enough) return
  for (const pid of pids) await runOk(['taskset', '-a', '-c', '-p', String(core), String(pid)])
}
