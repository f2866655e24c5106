/**
 * Long work in steps: a generator that stops where everybody else may have a turn.
 *
 * ```text
 *   toEnd                    step step step step step step ─▶ result
 *   core/pieces, inPieces    step step step │ events │ step step step │ events │ … ─▶ result
 * ```
 */
export type Stepwise<T> = Generator<void, T, void>

/** The result, without a pause. */
export function toEnd<T>(work: Stepwise<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
  }
}
