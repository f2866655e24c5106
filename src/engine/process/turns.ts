/** Pieces of work that are done one after the other, in the order in which they were asked for. */
export class Turns {
  readonly #onIdle: () => void
  #last: Promise<unknown> = Promise.resolve()
  #queued = 0

  /** `onIdle`: nothing is under way or waiting any more. */
  constructor(onIdle: () => void) {
    this.#onIdle = onIdle
  }

  /** True while nothing is under way or waiting. */
  get idle(): boolean {
    return this.#queued === 0
  }

  /** Runs one piece of work after all that was asked for before it. */
  take<T>(work: () => Promise<T>): Promise<T> {
    this.#queued += 1
    const result = this.#last.then(work)
    const done = (): void => {
      this.#queued -= 1
      if (this.#queued === 0) this.#onIdle()
    }
    this.#last = result.then(done, done)
    return result
  }
}
