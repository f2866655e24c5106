/**
 * A child process as the master deals with it: its part in changes, the sockets it borrows, its questions.
 *
 * A `Child` is a place; a peer is one process that sat there. A successor is another peer.
 */
import type { Log } from '../core/log.ts'
import type { ListenSpec } from '../net/listen-plan.ts'
import { DescriptorChannel } from '../net/descriptor-passing.ts'
import { closeDescriptor, ListenError } from '../net/listening-socket.ts'
import type { Child } from './child.ts'
import type { Borrower, DescriptorRegistry } from './descriptor-registry.ts'
import type { Answer, Ask, ChildIdentity, FromChild, ListenFailure, ToChild } from './messages.ts'
import type { Member, Outcome, Transactions } from './transactions.ts'

/** What the master does for its children. */
export interface PeerServices {
  readonly transactions: Transactions
  readonly registry: DescriptorRegistry
  readonly log: Log
  /** Rejects with `ListenError`. */
  open(borrower: Borrower, spec: ListenSpec): Promise<number>
  /** A socket was given back. */
  onReleased(): void
  answer(ask: Ask): Promise<Answer>
  /** A copilot began to follow, or could not. */
  onJoined(peer: Peer, outcome: Outcome): void
}

export interface PeerOptions {
  readonly child: Child
  readonly identity: ChildIdentity
  /** `worker`, or a copilot's tag: whose sockets it borrows. */
  readonly family: string
  readonly services: PeerServices
}

export class Peer implements Member, Borrower {
  readonly child: Child
  readonly identity: ChildIdentity
  readonly family: string
  /** Log files that it writes, to be made anew for it on USR1. */
  logs: readonly string[] = []
  readonly #services: PeerServices
  readonly #channel: DescriptorChannel
  /** The child's end, to be inherited and then closed here. */
  readonly #otherEnd: number
  #gone = false

  constructor({ child, identity, family, services }: PeerOptions) {
    this.child = child
    this.identity = identity
    this.family = family
    this.#services = services
    const { ours, theirs } = DescriptorChannel.pair()
    this.#channel = ours
    this.#otherEnd = theirs
  }

  get slot(): number {
    return this.identity.slot
  }

  /** What the child inherits: its end of the channel of descriptors. */
  get inherited(): number {
    return this.#otherEnd
  }

  onStarted(): void {
    closeDescriptor(this.#otherEnd)
  }

  /** Nothing reaches the successor of a process that is gone. */
  send(message: ToChild): void {
    if (!this.#gone) this.child.send(message)
  }

  kill(reason: string): void {
    if (this.#gone) return
    this.#services.log.write('alert', `${this.child.title} ${this.child.pid} is killed: ${reason}`)
    this.child.signal('SIGKILL')
  }

  onMessage(message: FromChild): void {
    if (message.kind === 'serving') this.logs = message.logs
    const { transactions, registry } = this.#services
    if (transactions.onMessage(this, message)) return
    switch (message.kind) {
      case 'listen':
        void this.#lend(message.request, message.spec)
        return
      case 'release':
        registry.release(this, message.key)
        this.#services.onReleased()
        return
      case 'finishing':
        this.child.awaitLastWork()
        return
      case 'follow':
        void transactions.follow(this).then((outcome) => this.#services.onJoined(this, outcome))
        return
      case 'request':
        void this.#answer(message.request, message.ask)
        return
      case 'ready':
      case 'failed':
      case 'serving':
      case 'prepared':
      case 'refused':
      case 'committed':
        // Taken by the transactions.
        return
    }
  }

  onGone(): void {
    if (this.#gone) return
    this.#gone = true
    this.#channel.close()
    this.#services.registry.releaseAll(this)
    this.#services.transactions.onGone(this)
  }

  /** The descriptor is there before the message that announces it. */
  async #lend(request: number, spec: ListenSpec): Promise<void> {
    let failure: ListenFailure | undefined
    try {
      const descriptor = await this.#services.open(this, spec)
      if (this.#gone) return
      this.#channel.send([{ label: String(request), descriptor }])
    } catch (error) {
      const { message, code = '', syscall = '' } = error as NodeJS.ErrnoException
      const expected = error instanceof ListenError
      if (!expected) this.#services.log.write('alert', message)
      failure = { message, code, syscall, port: expected ? error.port : undefined }
    }
    this.send({ kind: 'listening', request, failure })
  }

  async #answer(request: number, ask: Ask): Promise<void> {
    const answer = await this.#services.answer(ask)
    this.send({ kind: 'answer', request, answer })
  }
}
