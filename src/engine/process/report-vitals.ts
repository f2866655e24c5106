/** Has a process of the engine report how it is. */
import type { Log } from '../core/log.ts'
import { SharedZoneMemory } from '../core/zone-memory.ts'
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
  try {
    return new VitalsReporter(new SharedZoneMemory(() => ({ instance, owner })), subject)
  } catch (error) {
    log.write('warn', `vitals are not reported: ${(error as Error).message}`)
    return undefined
  }
}
