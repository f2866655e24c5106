/**
 * What the master asks its children, and which answer belongs to which question.
 *
 * ```text
 *   one child that starts         init, serve         ready | failed, serving
 *   all that have a vote          prepare, commit     prepared | refused, committed
 * ```
 *
 * A child that is gone is asked nothing any more, and not waited for.
 */
import { processLimits } from './limits.ts'
import type { FromChild, ToChild } from './messages.ts'
import { Round, type RoundResult } from './round.ts'

/** Who can be asked. */
interface Asked {
  send(message: ToChild): void
}

export type Answers<Child> = RoundResult<Child, FromChild>

export class Questions<Child extends Asked> {
  /** Weakly, since nobody says when a process is spoken of no more; one may die between vote and commit. */
  readonly #gone = new WeakSet<Child>()
  readonly #starting = new Map<Child, Round<Child, FromChild>>()
  /** By kind and number. */
  readonly #changes = new Map<string, Round<Child, FromChild>>()

  isGone(child: Child): boolean {
    return this.#gone.has(child)
  }

  /** Asks a child that starts; `undefined` when it has died, or is silent for too long. */
  async askStarting(
    child: Child,
    message: Extract<ToChild, { kind: 'init' | 'serve' }>,
  ): Promise<FromChild | undefined> {
    if (this.#gone.has(child)) return undefined
    const round = new Round<Child, FromChild>([child], processLimits.startTimeoutMs)
    this.#starting.set(child, round)
    child.send(message)
    const { answers } = await round.settled
    this.#starting.delete(child)
    return answers.get(child)
  }

  /** Asks all of them that are there one thing about a change. */
  async askAll(
    asked: readonly Child[],
    message: Extract<ToChild, { kind: 'prepare' | 'commit' }>,
  ): Promise<Answers<Child>> {
    const children = asked.filter((child) => !this.#gone.has(child))
    const { prepareTimeoutMs, commitTimeoutMs } = processLimits
    const limit = message.kind === 'prepare' ? prepareTimeoutMs : commitTimeoutMs
    const round = new Round<Child, FromChild>(children, limit)
    const topic = `${message.kind} ${message.transaction}`
    this.#changes.set(topic, round)
    for (const child of children) child.send(message)
    const answers = await round.settled
    this.#changes.delete(topic)
    return answers
  }

  /** What a child said; false when it was no answer to anything asked here. */
  onMessage(child: Child, message: FromChild): boolean {
    switch (message.kind) {
      case 'ready':
      case 'failed':
      case 'serving':
        this.#starting.get(child)?.answer(child, message)
        return true
      case 'prepared':
      case 'refused':
        this.#changes.get(`prepare ${message.transaction}`)?.answer(child, message)
        return true
      case 'committed':
        this.#changes.get(`commit ${message.transaction}`)?.answer(child, message)
        return true
      case 'finishing':
      case 'listen':
      case 'release':
      case 'follow':
      case 'request':
        return false
    }
  }

  onGone(child: Child): void {
    this.#gone.add(child)
    this.#starting.get(child)?.gone(child)
    for (const round of this.#changes.values()) round.gone(child)
  }
}
