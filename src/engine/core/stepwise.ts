/**
 * Long work in steps: a generator that stops where everybody else may have a turn.
 *
 * ```text
 *   toEnd      step step step step step step ─▶ result
 *   inPieces   step step step │ events │ step step step │ events │ … ─▶ result
 * ```
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { monotonicMs } from './monotonic.ts'

export type Stepwise<T> = Generator<void, T, void>

/** The result, without a pause. */
export function toEnd<T>(work: Stepwise<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
  }
}

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
