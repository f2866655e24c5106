/**
 * A worker's part in changes: does what the master says, one message after the other, and answers.
 */
import { portReply } from '../control/port-reply.ts'
import { Refusal, replyCodes } from '../control/refusal.ts'
import { ConfError, formatDiagnostic } from '../conf/diagnostics.ts'
import type { Log } from '../core/log.ts'
import { ListenError } from '../net/listening-socket.ts'
import { ConfigurationError } from './configuration.ts'
import type {
  Change,
  ChildIdentity,
  FromChild,
  LeftOutNote,
  Refused,
  State,
  ToChild,
} from './messages.ts'

/** Whoever serves by the configuration, and so has a vote in every change. */
export interface Participant {
  load(state: State, identity: ChildIdentity): Promise<readonly LeftOutNote[]>
  /** Throws what says no. */
  prepare(change: Change): Promise<readonly LeftOutNote[]>
  commit(revision: number): void
  abort(): void
  /** Opens ports and begins to serve; returns the log files to be opened anew on USR1. */
  serve(): Promise<readonly string[]>
}

export class Membership {
  readonly #participant: Participant
  readonly #send: (message: FromChild) => void
  readonly #log: Log
  #last: Promise<void> = Promise.resolve()

  constructor(participant: Participant, send: (message: FromChild) => void, log: Log) {
    this.#participant = participant
    this.#send = send
    this.#log = log
  }

  onMessage(message: ToChild): void {
    this.#last = this.#last.then(() => this.#handle(message))
  }

  async #handle(message: ToChild): Promise<void> {
    const answer = await this.#answer(message)
    if (answer !== undefined) this.#send(answer)
  }

  async #answer(message: ToChild): Promise<FromChild | undefined> {
    switch (message.kind) {
      case 'init':
        return this.#start(() => this.#init(message.state, message.identity))
      case 'serve':
        return this.#start(async () => ({ kind: 'serving', logs: await this.#participant.serve() }))
      case 'prepare':
        return this.#prepare(message.transaction, message.change)
      case 'commit':
        this.#participant.commit(message.revision)
        return { kind: 'committed', transaction: message.transaction }
      case 'abort':
        this.#participant.abort()
        return undefined
      case 'changed':
      case 'reopen':
      case 'answer':
      case 'listening':
        return undefined
    }
  }

  async #init(state: State, identity: ChildIdentity): Promise<FromChild> {
    return { kind: 'ready', leftOut: await this.#participant.load(state, identity) }
  }

  async #start(work: () => Promise<FromChild>): Promise<FromChild> {
    try {
      return await work()
    } catch (error) {
      return { kind: 'failed', refused: toRefused(error, this.#log) }
    }
  }

  async #prepare(transaction: number, change: Change): Promise<FromChild> {
    try {
      return { kind: 'prepared', transaction, leftOut: await this.#participant.prepare(change) }
    } catch (error) {
      return { kind: 'refused', transaction, refused: toRefused(error, this.#log) }
    }
  }
}

/** Expected ways to say no, in the words of the API and of the log; anything else is a fault of ours. */
export function toRefused(error: unknown, log: Log): Refused {
  if (error instanceof Refusal) return { reply: error.reply, diagnostics: [] }
  if (error instanceof ConfigurationError) {
    const { diagnostics } = error
    const first = diagnostics.find(({ severity }) => severity === 'emerg')
    const msg = first === undefined ? error.message : formatDiagnostic(first)
    return { reply: { code: replyCodes.failure, msg }, diagnostics }
  }
  const { message, stack } = error as Error
  const diagnostics = [{ severity: 'emerg', message, at: undefined }] as const
  if (error instanceof ListenError) return { reply: portReply(error), diagnostics }
  if (error instanceof ConfError)
    return { reply: { code: replyCodes.failure, msg: message }, diagnostics }
  log.write('alert', `a change failed: ${stack}`)
  return { reply: { code: replyCodes.failure, msg: message }, diagnostics }
}
