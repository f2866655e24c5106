/**
 * A copilot that follows: it is told what is in force after every change, and has no say in it.
 *
 * What it is told was found good by every worker. It is taken in while the message is handled, so that an
 * answer of the master never overtakes what happened before it.
 */
import type { Edit } from '../control/instruction.ts'
import type { ChildIdentity, FromChild, State, ToChild } from './messages.ts'

export interface Follower {
  /** The state to begin with and, after a reload, to begin anew with. */
  load(state: State, identity: ChildIdentity): void
  /** Instructions that were edited since, up to that revision. */
  apply(edits: readonly Edit[], revision: number): void
  /** It has heard of everything now. */
  onCurrent(): void
}

export class Following {
  readonly #follower: Follower
  readonly #send: (message: FromChild) => void

  constructor(follower: Follower, send: (message: FromChild) => void) {
    this.#follower = follower
    this.#send = send
  }

  /** What cannot be taken in ends the process: its successor begins with the state of the journal. */
  onMessage(message: ToChild): void {
    switch (message.kind) {
      case 'init':
        this.#follower.load(message.state, message.identity)
        this.#send({ kind: 'ready', leftOut: [] })
        return
      case 'changed':
        this.#follower.apply(message.edits, message.revision)
        return
      case 'serve':
        this.#follower.onCurrent()
        return
      case 'prepare':
      case 'commit':
      case 'abort':
      case 'reopen':
      case 'answer':
      case 'listening':
        // Asked of workers, or taken by the channel.
        return
    }
  }
}
