/**
 * Changes, one after the other, each wholly or not at all.
 *
 * The workers compile; this class counts votes. A change goes to every member; one that says no ends it
 * everywhere and its words are the answer. When all have said yes the change is written to the journal,
 * and only then taken into use, and only when all have acknowledged that is the asker told.
 *
 * ```text
 *   queue ─▶ prepare ─▶ all yes? ──▶ journal ─▶ commit ─▶ all acknowledged ─▶ followers told ─▶ done
 *                          └─ a no ─▶ abort ─▶ refused
 * ```
 *
 * Members are those that serve. Followers have no say: they are told what is in force, before the asker
 * has the answer.
 *
 * A member that dies is not waited for. One that is silent beyond the limit while it should commit is
 * killed: the change is in the journal, so its successor begins with it.
 */
import type { Actor } from '../control/actor.ts'
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
  State,
  ToChild,
} from './messages.ts'
import { Round, type RoundResult } from './round.ts'

/** A process that holds the tree: a worker, or a copilot that follows. */
export interface Member {
  readonly identity: ChildIdentity
  send(message: ToChild): void
  /** Ends a process that does not answer. */
  kill(reason: string): void
}

export type Outcome =
  | { readonly kind: 'done'; readonly revision: number; readonly leftOut: readonly LeftOutNote[] }
  | { readonly kind: 'refused'; readonly refused: Refused }

export interface EditRequest {
  /** Stale unless that is the last revision when its turn has come. */
  readonly onRevision?: number
  readonly edits: readonly Edit[]
  readonly action: string
  readonly actor: Actor
  readonly dryRun: boolean
}

/** What the master itself does for a change, when every member has said yes to it. */
export interface OwnPart {
  /** Makes what is new, beside what is in force; throws why it cannot. A dry run only looks. */
  prepare(change: Change, dryRun: boolean): Promise<void>
  /** Ends what is no longer wanted. */
  commit(): Promise<void>
  /** Ends what was made. */
  abort(): Promise<void>
}

export interface TransactionOptions {
  readonly journal: Journal
  readonly files: ConfigurationFiles
  /** ISO 8601, UTC. */
  readonly now: () => string
  readonly own?: OwnPart
  /** Nothing is under way or waiting any more. */
  readonly onIdle?: () => void
}

type Vote = RoundResult<Member, FromChild>

export class Transactions {
  readonly #journal: Journal
  readonly #now: () => string
  readonly #own: OwnPart | undefined
  readonly #onIdle: () => void
  readonly #members = new Set<Member>()
  readonly #followers = new Set<Member>()
  /** Those that are asked nothing any more; one may have died between its vote and the commit. */
  readonly #gone = new WeakSet<Member>()
  /** Questions to one process that is starting, by process; those about a change, by kind and number. */
  readonly #starts = new Map<Member, Round<Member, FromChild>>()
  readonly #rounds = new Map<string, Round<Member, FromChild>>()
  #arrival = Promise.withResolvers<void>()
  #files: ConfigurationFiles
  #candidate: ConfigurationFiles | undefined
  /** Instructions that the files in force have no room for. */
  #leftOut: readonly LeftOutNote[] = []
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #queued = 0
  #number = 0

  constructor({ journal, files, now, own, onIdle = () => {} }: TransactionOptions) {
    this.#journal = journal
    this.#own = own
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
    const { identity } = member
    const instructions = this.#journal.instructions()
    const state = { files: this.#files, instructions, revision: this.#journal.revision }
    const first = await this.#askStart(member, { kind: 'init', state, identity })
    if (first?.kind !== 'ready') return { kind: 'refused', refused: refusalOf(first) }
    return this.#inTurn(async () => {
      const caughtUp = await this.#catchUp(member, state, first.leftOut)
      if (caughtUp.kind === 'refused') return caughtUp
      const served = await this.#askStart(member, { kind: 'serve' })
      if (served?.kind !== 'serving' || this.#gone.has(member)) {
        return { kind: 'refused', refused: refusalOf(served) }
      }
      this.#members.add(member)
      this.#leftOut = caughtUp.leftOut
      this.#arrival.resolve()
      return caughtUp
    })
  }

  /** Tells a process what is in force, now and after every change. */
  async follow(member: Member): Promise<Outcome> {
    const { identity } = member
    const state = this.#stateInForce()
    const first = await this.#askStart(member, { kind: 'init', state, identity })
    if (first?.kind !== 'ready') return { kind: 'refused', refused: refusalOf(first) }
    return this.#inTurn(async () => {
      const change = this.#changeSince(state)
      if (change !== undefined) this.#tell(member, change)
      member.send({ kind: 'serve' })
      if (!this.#gone.has(member)) this.#followers.add(member)
      return this.#done([])
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
      case 'finishing':
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
    this.#followers.delete(member)
    if (this.#members.delete(member) && this.#members.size === 0) {
      this.#arrival = Promise.withResolvers()
    }
  }

  /** No more part of changes, without being dead: a worker that drains. */
  leave(member: Member): void {
    this.onGone(member)
  }

  #edit(request: EditRequest | (() => EditRequest)): Promise<Outcome> {
    const asked = typeof request === 'function' ? request() : request
    const { action, actor, dryRun, onRevision } = asked
    const edits = this.#withReturns(asked.edits)
    if (onRevision !== undefined && onRevision !== this.#journal.revision) {
      const msg = `revision ${onRevision} is not the last one any more`
      const stale = { reply: { code: replyCodes.stale, msg }, diagnostics: [] }
      return Promise.resolve({ kind: 'refused', refused: stale })
    }
    if (edits.length === 0) return Promise.resolve(this.#done([]))
    const entry = { time: this.#now(), action, actor, edits }
    const write = dryRun ? undefined : () => void this.#journal.append(entry)
    return this.#run({ edits }, write)
  }

  /** What the files had no room for is as young as what was never there: members do not know of it. */
  #withReturns(edits: readonly Edit[]): readonly Edit[] {
    const leftOut = new Set(this.#leftOut.map(({ key }) => key))
    return edits.flatMap((edit) =>
      edit.body !== null && leftOut.has(edit.key) ? [{ key: edit.key, body: null }, edit] : [edit],
    )
  }

  async #run(change: Change, write: (() => void) | undefined): Promise<Outcome> {
    const members = [...this.#members]
    const transaction = ++this.#number
    const vote = await this.#askAll(members, { kind: 'prepare', transaction, change })
    const no = this.#objection(vote) ?? (await this.#prepareOwn(change, write === undefined))
    if (no !== undefined || write === undefined) {
      for (const member of members) member.send({ kind: 'abort', transaction })
      return no === undefined ? this.#done([]) : { kind: 'refused', refused: no }
    }
    try {
      write()
    } catch (error) {
      for (const member of members) member.send({ kind: 'abort', transaction })
      await this.#own?.abort()
      return refuse(`the journal cannot be written: ${(error as Error).message}`)
    }
    await Promise.all([this.#commit([...vote.answers.keys()], transaction), this.#own?.commit()])
    const [first] = vote.answers.values()
    const leftOut = first?.kind === 'prepared' ? first.leftOut : []
    this.#onMade(change, leftOut)
    return this.#done(leftOut)
  }

  async #prepareOwn(change: Change, dryRun: boolean): Promise<Refused | undefined> {
    try {
      await this.#own?.prepare(change, dryRun)
      return undefined
    } catch (error) {
      return refusal((error as Error).message)
    }
  }

  #onMade(change: Change, found: readonly LeftOutNote[]): void {
    this.#leftOut = leftOutAfter(change, this.#leftOut, found)
    for (const follower of this.#followers) this.#tell(follower, change)
  }

  /** New files are a new beginning: what they leave out, the workers have found out. */
  #tell(follower: Member, { files, edits }: Change): void {
    const { identity } = follower
    if (files === undefined)
      follower.send({ kind: 'changed', edits, revision: this.#journal.revision })
    else follower.send({ kind: 'init', state: this.#stateInForce(), identity })
  }

  #stateInForce(): State {
    const leftOut = new Set(this.#leftOut.map(({ key }) => key))
    const instructions = this.#journal.instructions().filter(({ key }) => !leftOut.has(key))
    return { files: this.#files, instructions, revision: this.#journal.revision }
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
    return answers.size === 0 ? deserted : undefined
  }

  async #catchUp(member: Member, state: State, leftOut: readonly LeftOutNote[]): Promise<Outcome> {
    const change = this.#changeSince(state)
    if (change === undefined) return this.#done(leftOut)
    const transaction = ++this.#number
    const vote = await this.#askAll([member], { kind: 'prepare', transaction, change })
    const answer = vote.answers.get(member)
    if (answer?.kind !== 'prepared') return { kind: 'refused', refused: refusalOf(answer) }
    await this.#commit([member], transaction)
    return this.#done(leftOutAfter(change, leftOut, answer.leftOut))
  }

  /** What has happened since somebody was given that state. */
  #changeSince({ files, revision }: State): Change | undefined {
    const edits = this.#journal.editsSince(revision)
    if (files !== this.#files) return { files: this.#files, edits }
    return edits.length === 0 ? undefined : { edits }
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

  /** A change that comes while the only worker is being replaced waits for it a while. */
  async #someoneServes(): Promise<void> {
    if (this.#members.size > 0) return
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

/** New files are tried with everything; what was left out and is edited was either made or refused. */
function leftOutAfter(
  { files, edits }: Change,
  before: readonly LeftOutNote[],
  found: readonly LeftOutNote[],
): readonly LeftOutNote[] {
  if (files !== undefined) return found
  return before.filter((note) => edits.every(({ key }) => key !== note.key))
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
