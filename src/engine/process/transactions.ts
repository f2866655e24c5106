/**
 * Changes, one after the other, each wholly or not at all.
 *
 * The children compile; this class counts votes. A change goes to every member; one that says no ends it
 * everywhere and its words are the answer. When all have said yes the change is written to the journal,
 * and only then taken into use, and only when all have acknowledged that is the asker told.
 *
 * ```text
 *   queue ─▶ prepare ─▶ all yes? ──▶ journal ─▶ commit ─▶ all acknowledged ─▶ done
 *                          └─ a no ─▶ abort ─▶ refused
 * ```
 *
 * A member that dies is not waited for. One that is silent beyond the limit while it should commit is
 * killed: the change is in the journal, so its successor begins with it.
 */
import type { Edit } from '../control/instruction.ts'
import { type Reply, replyCodes } from '../control/refusal.ts'
import type { Journal } from './journal.ts'
import { processLimits } from './limits.ts'
import type {
  Change,
  ChildIdentity,
  ConfigurationFiles,
  FromChild,
  LeftOutNote,
  Refused,
  ToChild,
} from './messages.ts'
import { Round, type RoundResult } from './round.ts'

/** A process that holds the tree: a worker, or a copilot that follows. */
export interface Member {
  readonly identity: ChildIdentity
  /** False for one that only follows: without anyone who serves there is no change. */
  readonly serves: boolean
  send(message: ToChild): void
  /** Ends a process that does not answer. */
  kill(reason: string): void
}

export type Outcome =
  | { readonly kind: 'done'; readonly revision: number; readonly leftOut: readonly LeftOutNote[] }
  | { readonly kind: 'refused'; readonly refused: Refused }

export interface EditRequest {
  readonly edits: readonly Edit[]
  readonly action: string
  readonly actor: string
  readonly dryRun: boolean
}

export interface TransactionOptions {
  readonly journal: Journal
  readonly files: ConfigurationFiles
  /** ISO 8601, UTC. */
  readonly now: () => string
  /** Nothing is under way or waiting any more. */
  readonly onIdle?: () => void
}

type Vote = RoundResult<Member, FromChild>

export class Transactions {
  readonly #journal: Journal
  readonly #now: () => string
  readonly #onIdle: () => void
  readonly #members = new Set<Member>()
  /** Those that are asked nothing any more; one may have died between its vote and the commit. */
  readonly #gone = new WeakSet<Member>()
  /** Questions to one process that is starting, by process; those about a change, by kind and number. */
  readonly #starts = new Map<Member, Round<Member, FromChild>>()
  readonly #rounds = new Map<string, Round<Member, FromChild>>()
  #arrival = Promise.withResolvers<void>()
  #files: ConfigurationFiles
  #candidate: ConfigurationFiles | undefined
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #queued = 0
  #number = 0

  constructor({ journal, files, now, onIdle = () => {} }: TransactionOptions) {
    this.#journal = journal
    this.#files = files
    this.#now = now
    this.#onIdle = onIdle
  }

  get files(): ConfigurationFiles {
    return this.#files
  }

  /** Those that a reload is trying, or else those in force. */
  get candidate(): ConfigurationFiles {
    return this.#candidate ?? this.#files
  }

  /** True while nothing is under way or waiting. */
  get idle(): boolean {
    return this.#queued === 0
  }

  /** Brings a new process up to the current state; it is a member from then on. */
  async join(member: Member): Promise<Outcome> {
    const files = this.#files
    const revision = this.#journal.revision
    const state = { files, instructions: this.#journal.instructions(), revision }
    const init: ToChild = { kind: 'init', state, identity: member.identity }
    const first = await this.#askStart(member, init)
    if (first?.kind !== 'ready') return { kind: 'refused', refused: refusalOf(first) }
    return this.#inTurn(async () => {
      const caughtUp = await this.#catchUp(member, files, revision)
      if (caughtUp !== undefined) return { kind: 'refused', refused: caughtUp }
      const served = await this.#askStart(member, { kind: 'serve' })
      if (served?.kind !== 'serving' || this.#gone.has(member)) {
        return { kind: 'refused', refused: refusalOf(served) }
      }
      this.#members.add(member)
      if (member.serves) this.#arrive()
      return { kind: 'done', revision: this.#journal.revision, leftOut: first.leftOut }
    })
  }

  /** Edits instructions. They may be computed when the change's turn has come. */
  async change(request: EditRequest | (() => EditRequest)): Promise<Outcome> {
    if (this.#waiting >= processLimits.queuedChangesMax) {
      return refuse('too many changes wait for their turn')
    }
    this.#waiting += 1
    try {
      for (let attempt = 1; ; attempt++) {
        await this.#someoneServes()
        const outcome = await this.#inTurn(() => this.#edit(request))
        const alone = outcome.kind === 'refused' && outcome.refused === deserted
        // The only worker may have died unnoticed: its successor is waited for, as if none had been there.
        if (!alone || attempt === processLimits.desertedAttemptsMax) return outcome
      }
    } finally {
      this.#waiting -= 1
    }
  }

  /** Takes new files into use. */
  reload(files: ConfigurationFiles): Promise<Outcome> {
    return this.#inTurn(async () => {
      this.#candidate = files
      const outcome = await this.#run({ files, edits: [] }, () => (this.#files = files))
      this.#candidate = undefined
      return outcome
    })
  }

  /** Brings the members up to what somebody else has written to the journal. */
  catchUp(): Promise<Outcome> {
    return this.#inTurn(async () => {
      const edits = this.#journal.reread()
      return edits.length === 0 ? this.#done([]) : this.#run({ edits }, () => undefined)
    })
  }

  /** What a child said; false when it was no answer to anything asked here. */
  onMessage(member: Member, message: FromChild): boolean {
    switch (message.kind) {
      case 'ready':
      case 'failed':
      case 'serving':
        this.#starts.get(member)?.answer(member, message)
        return true
      case 'prepared':
      case 'refused':
        this.#rounds.get(`prepare ${message.transaction}`)?.answer(member, message)
        return true
      case 'committed':
        this.#rounds.get(`commit ${message.transaction}`)?.answer(member, message)
        return true
      case 'listen':
      case 'release':
      case 'follow':
      case 'request':
        return false
    }
  }

  onGone(member: Member): void {
    this.#gone.add(member)
    this.#starts.get(member)?.gone(member)
    for (const round of this.#rounds.values()) round.gone(member)
    if (!this.#members.delete(member) || this.#serving()) return
    this.#arrival = Promise.withResolvers()
  }

  /** No more part of changes, without being dead: a worker that drains. */
  leave(member: Member): void {
    this.onGone(member)
  }

  #edit(request: EditRequest | (() => EditRequest)): Promise<Outcome> {
    const { edits, action, actor, dryRun } = typeof request === 'function' ? request() : request
    if (edits.length === 0) return Promise.resolve(this.#done([]))
    const entry = { time: this.#now(), action, actor, edits }
    const write = dryRun ? undefined : () => void this.#journal.append(entry)
    return this.#run({ edits }, write)
  }

  async #run(change: Change, write: (() => void) | undefined): Promise<Outcome> {
    const members = [...this.#members]
    const transaction = ++this.#number
    const vote = await this.#askAll(members, { kind: 'prepare', transaction, change })
    const no = this.#objection(vote)
    if (no !== undefined || write === undefined) {
      for (const member of members) member.send({ kind: 'abort', transaction })
      return no === undefined ? this.#done([]) : { kind: 'refused', refused: no }
    }
    try {
      write()
    } catch (error) {
      for (const member of members) member.send({ kind: 'abort', transaction })
      return refuse(`the journal cannot be written: ${(error as Error).message}`)
    }
    await this.#commit([...vote.answers.keys()], transaction)
    const [first] = vote.answers.values()
    return this.#done(first?.kind === 'prepared' ? first.leftOut : [])
  }

  async #commit(members: readonly Member[], transaction: number): Promise<void> {
    const { revision } = this.#journal
    const { silent } = await this.#askAll(members, { kind: 'commit', transaction, revision })
    for (const member of silent) {
      this.onGone(member)
      member.kill('it did not commit a change in time')
    }
  }

  /** The words of whoever said no, or why there was no vote. */
  #objection({ answers, silent }: Vote): Refused | undefined {
    for (const answer of answers.values()) if (answer.kind === 'refused') return answer.refused
    if (silent.length > 0) return refusal('a process did not answer in time')
    const served = [...answers.keys()].some(({ serves }) => serves)
    if (!served) return deserted
    return undefined
  }

  async #catchUp(
    member: Member,
    files: ConfigurationFiles,
    revision: number,
  ): Promise<Refused | undefined> {
    const edits = this.#journal.editsSince(revision)
    const isNew = files !== this.#files
    if (edits.length === 0 && !isNew) return undefined
    const transaction = ++this.#number
    const change = { edits, ...(isNew && { files: this.#files }) }
    const vote = await this.#askAll([member], { kind: 'prepare', transaction, change })
    const answer = vote.answers.get(member)
    if (answer?.kind !== 'prepared') return refusalOf(answer)
    await this.#commit([member], transaction)
    return undefined
  }

  async #askStart(member: Member, message: ToChild): Promise<FromChild | undefined> {
    if (this.#gone.has(member)) return undefined
    const round = new Round<Member, FromChild>([member], processLimits.startTimeoutMs)
    this.#starts.set(member, round)
    member.send(message)
    const { answers } = await round.settled
    this.#starts.delete(member)
    return answers.get(member)
  }

  async #askAll(
    asked: readonly Member[],
    message: Extract<ToChild, { kind: 'prepare' | 'commit' }>,
  ): Promise<Vote> {
    const members = asked.filter((member) => !this.#gone.has(member))
    const { prepareTimeoutMs, commitTimeoutMs } = processLimits
    const limit = message.kind === 'prepare' ? prepareTimeoutMs : commitTimeoutMs
    const round = new Round<Member, FromChild>(members, limit)
    const topic = `${message.kind} ${message.transaction}`
    this.#rounds.set(topic, round)
    for (const member of members) member.send(message)
    const vote = await round.settled
    this.#rounds.delete(topic)
    return vote
  }

  #serving(): boolean {
    return [...this.#members].some(({ serves }) => serves)
  }

  #arrive(): void {
    this.#arrival.resolve()
  }

  /** A change that comes while the only worker is being replaced waits for it a while. */
  async #someoneServes(): Promise<void> {
    if (this.#serving()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, processLimits.arrivalTimeoutMs)
    await Promise.race([this.#arrival.promise, promise])
    clearTimeout(timer)
  }

  /** Runs one piece of work after all that was asked for before it. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#queued += 1
    const result = this.#last.then(work)
    const done = (): void => {
      this.#queued -= 1
      if (this.#queued === 0) this.#onIdle()
    }
    this.#last = result.then(done, done)
    return result
  }

  #done(leftOut: readonly LeftOutNote[]): Outcome {
    return { kind: 'done', revision: this.#journal.revision, leftOut }
  }
}

function refusalOf(answer: FromChild | undefined): Refused {
  if (answer?.kind === 'failed' || answer?.kind === 'refused') return answer.refused
  return refusal('the process ended or did not answer while it started')
}

function refusal(msg: string): Refused {
  const reply: Reply = { code: replyCodes.failure, msg }
  return { reply, diagnostics: [] }
}

const deserted: Refused = refusal('no worker is there to take the change')

function refuse(msg: string): Outcome {
  return { kind: 'refused', refused: refusal(msg) }
}
