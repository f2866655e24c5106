/**
 * What the bus shows of the dynamic state: one retained message for each instruction, on its own topic.
 *
 * ```text
 *   add or change   retained  <key>  body
 *   delete          retained  <key>  (empty: erases)   then   <key>  {"type":"del",…}   not retained
 * ```
 *
 * A change is shown at once when nothing was for a while. Changes that follow one upon the other are shown
 * together, as what they come to: a message costs its sender, the broker and the disk as much as ten do.
 *
 * The journal is the truth and the bus follows it. After every connection the two are compared: retained
 * messages of instructions that are no more are erased, those that are missing or differ are published.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Edit, Instructions } from './instruction.ts'
import { instructionKinds, kindOf } from './instruction-kinds.ts'

/** Edits that are told before the broker has acknowledged: each of them costs two waits less. */
const editsTogetherMax = 64

/** Between one showing and the next. */
const pauseMs = 100

export interface BusPublisher {
  /** Resolves when the broker has it; what is published later does not overtake it. */
  publish(topic: string, payload: string, options: { readonly retain: boolean }): Promise<void>
}

export class BusView {
  readonly #publisher: BusPublisher
  readonly #instructions: () => Instructions
  /** What the broker is known to retain. */
  readonly #shown = new Map<string, string>()
  #last: Promise<void> = Promise.resolve()
  /** What was committed and is not shown, by key: what was taken away and set again has not gone. */
  readonly #committed = new Map<string, Edit>()
  #telling: Promise<void> | undefined
  #toldAt = -Infinity

  /** `instructions` gives those in force, whenever it is asked. */
  constructor(publisher: BusPublisher, instructions: () => Instructions) {
    this.#publisher = publisher
    this.#instructions = instructions
  }

  /** Filters under which the broker retains what this view is responsible for. */
  static get filters(): readonly string[] {
    return instructionKinds.map(({ topic }) => `${topic}#`)
  }

  /** A retained message that the broker delivered after the subscription. */
  onRetained(topic: string, payload: string): void {
    if (payload === '') return
    this.#shown.set(topic, payload)
    if (this.#instructions().get(topic) !== payload) void this.#inTurn(() => this.#show(topic))
  }

  /** The connection is lost, and what the broker retains may be lost or be another's. */
  forget(): void {
    this.#shown.clear()
    this.#committed.clear()
  }

  /** To be called once all retained messages are in: publishes what the broker does not have. */
  async complete(): Promise<void> {
    // What was under way when the last connection broke is sent again on this one, and may be out of date.
    await this.#last
    const keys = new Set(this.#shown.keys())
    for (const [key] of this.#instructions().entries()) keys.add(key)
    for (const key of keys) await this.#inTurn(() => this.#show(key))
  }

  /** A change that was committed: its instructions are in force, or gone. Resolves when that is shown. */
  onCommit(edits: readonly Edit[]): Promise<void> {
    for (const edit of edits) {
      this.#committed.delete(edit.key)
      this.#committed.set(edit.key, edit)
    }
    this.#telling ??= this.#pause().then(() => this.#tellCommitted())
    return this.#telling
  }

  async #pause(): Promise<void> {
    const waitMs = this.#toldAt + pauseMs - performance.now()
    if (waitMs > 0) await delay(waitMs)
  }

  async #tellCommitted(): Promise<void> {
    this.#telling = undefined
    this.#toldAt = performance.now()
    const edits = [...this.#committed.values()]
    this.#committed.clear()
    for (let at = 0; at < edits.length; at += editsTogetherMax) {
      const together = edits.slice(at, at + editsTogetherMax)
      await this.#inTurn(async () => {
        await Promise.all(together.flatMap((edit) => this.#tell(edit)))
      })
    }
  }

  /** One after the other, and without waiting for the broker in between. */
  #tell({ key, body }: Edit): readonly Promise<void>[] {
    const gone = body === null ? this.#shown.get(key) : undefined
    const shown = this.#show(key)
    return gone === undefined ? [shown] : [shown, this.#tellDeletion(key, gone)]
  }

  async #show(key: string): Promise<void> {
    const body = this.#instructions().get(key)
    if (this.#shown.get(key) === body) return
    await this.#publisher.publish(key, body ?? '', { retain: true })
    if (body === undefined) this.#shown.delete(key)
    else this.#shown.set(key, body)
  }

  async #tellDeletion(key: string, body: string): Promise<void> {
    const identity = kindOf(key).identify?.(JSON.parse(body))
    const payload = JSON.stringify({ type: 'del', ...identity })
    await this.#publisher.publish(key, payload, { retain: false })
  }

  /** One publication after the other; a failure is the client's to report and does not stop the next. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(work).catch(() => {})
    return this.#last
  }
}
