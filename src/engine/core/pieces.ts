/** Long work of a process that serves. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Stepwise } from '../conf/stepwise.ts'
import { monotonicMs } from './monotonic.ts'

/** The result, with a turn of the event loop whenever so many milliseconds were worked. */
export async function inPieces<T>(work: Stepwise<T>, pieceMs: number): Promise<T> {
  for (;;) {
    const until = monotonicMs() + pieceMs
    do {
      const { done, value } = work.next()
      if (done === true) return value
    } while (monotonicMs() < until)
    await nextTurn()
  }
}
