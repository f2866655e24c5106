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
import type { Log } from '../core/log.ts'
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
import { type Answers, Questions } from './questions.ts'
import { Turns } from './turns.ts'

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
  readonly log: Log
  readonly own?: OwnPart
  /** Nothing is under way or waiting any more. */
  readonly onIdle?: () => void
}

type Vote = Answers<Member>

export class Transactions {
  readonly #journal: Journal
  readonly #now: () => string
  readonly #log: Log
  readonly #own: OwnPart | undefined
  readonly #turns: Turns
  readonly #questions = new Questions<Member>()
  readonly #members = new Set<Member>()
  readonly #followers = new Set<Member>()
  #arrival = Promise.withResolvers<void>()
  #files: ConfigurationFiles
  #candidate: ConfigurationFiles | undefined
  /** Instructions that the files in force have no room for. */
  #leftOut: readonly LeftOutNote[] = []
  #waiting = 0
  #number = 0

  constructor({ journal, files, now, log, own, onIdle = () => {} }: TransactionOptions) {
    this.#journal = journal
    this.#log = log
    this.#own = own
    this.#files = files
    this.#now = now
    this.#turns = new Turns(onIdle)
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
    return this.#turns.idle
  }

  /** Brings a new process up to the current state; it is a member from then on. */
  async join(member: Member): Promise<Outcome> {
    const { identity } = member
    const instructions = this.#journal.instructions()
    const state = { files: this.#files, instructions, revision: this.#journal.revision }
    const first = await this.#questions.askStarting(member, { kind: 'init', state, identity })
    if (first?.kind !== 'ready') return { kind: 'refused', refused: refusalOf(first) }
    return this.#turns.take(async () => {
      const caughtUp = await this.#catchUp(member, state, first.leftOut)
      if (caughtUp.kind === 'refused') return caughtUp
      const served = await this.#questions.askStarting(member, { kind: 'serve' })
      if (served?.kind !== 'serving' || this.#questions.isGone(member)) {
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
    const first = await this.#questions.askStarting(member, { kind: 'init', state, identity })
    if (first?.kind !== 'ready') return { kind: 'refused', refused: refusalOf(first) }
    return this.#turns.take(async () => {
      const change = this.#changeSince(state)
      if (change !== undefined) this.#tell(member, change)
      member.send({ kind: 'serve' })
      if (!this.#questions.isGone(member)) this.#followers.add(member)
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
        const outcome = await this.#turns.take(() => this.#edit(request))
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
    return this.#turns.take(async () => {
      this.#candidate = files
      const outcome = await this.#run({ files, edits: [] }, () => (this.#files = files))
      this.#candidate = undefined
      return outcome
    })
  }

  /** Brings the members up to what somebody else has written to the journal. */
  catchUp(): Promise<Outcome> {
    return this.#turns.take(async () => {
      const edits = this.#journal.reread()
      return edits.length === 0 ? this.#done([]) : this.#run({ edits }, () => undefined)
    })
  }

  /** What a child said; false when it was no answer to anything asked here. */
  onMessage(member: Member, message: FromChild): boolean {
    return this.#questions.onMessage(member, message)
  }

  onGone(member: Member): void {
    this.#questions.onGone(member)
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
    const vote = await this.#questions.askAll(members, { kind: 'prepare', transaction, change })
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
      const fault = `the journal cannot be written: ${(error as Error).message}`
      this.#log.write('crit', fault)
      return refuse(fault)
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
    const { silent } = await this.#questions.askAll(members, {
      kind: 'commit',
      transaction,
      revision,
    })
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
    const vote = await this.#questions.askAll([member], { kind: 'prepare', transaction, change })
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

  /** A change that comes while the only worker is being replaced waits for it a while. */
  async #someoneServes(): Promise<void> {
    if (this.#members.size > 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, processLimits.arrivalTimeoutMs)
    await Promise.race([this.#arrival.promise, promise])
    clearTimeout(timer)
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
