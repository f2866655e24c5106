/**
 * One question to several children: collects one answer of each, and does without those that die.
 *
 * ```text
 *   ask ──▶ a, b, c          a answers, b dies, c is silent
 *   settled: answers {a}, silent {c}      when all have answered or died, or the time is over
 * ```
 */

export interface RoundResult<Child, Message> {
  readonly answers: ReadonlyMap<Child, Message>
  /** Children that live and have not answered in time. */
  readonly silent: readonly Child[]
}

export class Round<Child, Message> {
  readonly settled: Promise<RoundResult<Child, Message>>
  readonly #waiting: Set<Child>
  readonly #answers = new Map<Child, Message>()
  readonly #settle: (result: RoundResult<Child, Message>) => void
  readonly #timer: NodeJS.Timeout

  constructor(children: Iterable<Child>, timeoutMs: number) {
    const { promise, resolve } = Promise.withResolvers<RoundResult<Child, Message>>()
    this.settled = promise
    this.#settle = resolve
    this.#waiting = new Set(children)
    this.#timer = setTimeout(() => this.#finish(), timeoutMs)
    this.#finishIfComplete()
  }

  answer(child: Child, message: Message): void {
    if (!this.#waiting.delete(child)) return
    this.#answers.set(child, message)
    this.#finishIfComplete()
  }

  gone(child: Child): void {
    if (this.#waiting.delete(child)) this.#finishIfComplete()
  }

  #finishIfComplete(): void {
    if (this.#waiting.size === 0) this.#finish()
  }

  #finish(): void {
    clearTimeout(this.#timer)
    this.#settle({ answers: this.#answers, silent: [...this.#waiting] })
  }
}
