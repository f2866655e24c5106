/** What a copilot may ask of the master: changes, history, processes; and to follow the configuration. */
import type { ChangeResult, HistoryEntry, ProcessNote } from '../control/plane.ts'
import type { Instruction } from '../control/instruction.ts'
import type { Follower } from './following.ts'
import type { MasterChannel } from './master-channel.ts'
import type { Answer, Ask } from './messages.ts'
import type { EditRequest } from './transactions.ts'

export class MasterLink {
  readonly #channel: MasterChannel
  readonly #onFollow: (follower: Follower) => void

  constructor(channel: MasterChannel, onFollow: (follower: Follower) => void) {
    this.#channel = channel
    this.#onFollow = onFollow
  }

  /** Resolves when every worker has applied the change, or when it is known not to be made. */
  async change(request: EditRequest): Promise<ChangeResult> {
    return toResult(await this.#channel.ask({ kind: 'change', ...request }))
  }

  /** Gives every instruction the body it had at that revision. */
  async rollback(request: Omit<Extract<Ask, { kind: 'rollback' }>, 'kind'>): Promise<ChangeResult> {
    return toResult(await this.#channel.ask({ kind: 'rollback', ...request }))
  }

  /** Revisions below `before`, the newest first. */
  async history(
    before: number,
    limit: number,
  ): Promise<{ readonly revision: number; readonly entries: readonly HistoryEntry[] }> {
    const answer = await this.#channel.ask({ kind: 'history', before, limit })
    return expect(answer, 'history')
  }

  /** All instructions in the journal, by age. */
  async instructions(): Promise<{
    readonly revision: number
    readonly instructions: readonly Instruction[]
  }> {
    return expect(await this.#channel.ask({ kind: 'instructions' }), 'instructions')
  }

  /** Grows or shrinks the number of workers while the master lives; `undefined` for what the files say. */
  async setWorkers(count: number | undefined): Promise<ChangeResult> {
    return toResult(await this.#channel.ask({ kind: 'workers', count: count ?? null }))
  }

  async processes(): Promise<readonly ProcessNote[]> {
    return expect(await this.#channel.ask({ kind: 'processes' }), 'processes').processes
  }

  /** Has the follower told what is in force, from now on. */
  follow(follower: Follower): void {
    this.#onFollow(follower)
    this.#channel.send({ kind: 'follow' })
  }
}

function toResult(answer: Answer): ChangeResult {
  if (answer.kind === 'refused') return { kind: 'refused', reply: answer.refused.reply }
  return { kind: 'done', revision: expect(answer, 'done').revision }
}

function expect<K extends Answer['kind']>(answer: Answer, kind: K): Extract<Answer, { kind: K }> {
  if (answer.kind === kind) return answer as Extract<Answer, { kind: K }>
  const reason = answer.kind === 'refused' ? answer.refused.reply.msg : `got ${answer.kind}`
  throw new Error(`the master did not answer with ${kind}: ${reason}`)
}
