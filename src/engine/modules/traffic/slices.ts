/** Long work cut in pieces, between which others have their turn. */
import { setTimeout as pause } from 'node:timers/promises'
import { dumpSliceMs } from './limits.ts'

/** What comes within `dumpSliceMs`, again and again; time between two slices does not count. */
export function* slicesOf<T>(items: Iterable<T>): Generator<readonly T[], void, undefined> {
  let slice: T[] = []
  let begunAt = performance.now()
  for (const item of items) {
    slice.push(item)
    if (performance.now() - begunAt < dumpSliceMs) continue
    yield slice
    slice = []
    begunAt = performance.now()
  }
  yield slice
}

/** Does all steps, with a pause after each slice, for as long as they are wanted. */
export async function inSlices(
  steps: Iterable<unknown>,
  pauseMs: number,
  isWanted: () => boolean,
): Promise<void> {
  for (const _ of slicesOf(steps)) {
    if (!isWanted()) return
    await pause(pauseMs)
  }
}
