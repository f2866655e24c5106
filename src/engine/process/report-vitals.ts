/** Has a process of the engine report how it is. */
import type { Log } from '../core/log.ts'
import { openShared } from '../core/shared-memory.ts'
import { VitalsReporter, type VitalsSubject } from '../modules/process-vitals.ts'

export interface VitalsHome {
  /** Name of the engine's shared memory. */
  readonly sharedMemory: string
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
  readonly log: Log
}

/** `undefined` where it cannot be, which is told and no reason not to serve. */
export function reportVitals(
  { sharedMemory: instance, owner, log }: VitalsHome,
  subject: VitalsSubject,
): VitalsReporter | undefined {
  const open = (name: string, bytes: number): ArrayBuffer =>
    openShared({ instance, name, bytes, owner }).buffer
  try {
    return new VitalsReporter({ open }, subject)
  } catch (error) {
    log.write('warn', `vitals are not reported: ${(error as Error).message}`)
    return undefined
  }
}
