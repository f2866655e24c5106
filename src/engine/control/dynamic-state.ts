/**
 * Files plus instructions, and the tree they make together.
 *
 * Every process that serves or controls holds one: workers, the single process, the control copilot. All
 * apply the same edits in the same order and so hold the same tree.
 */
import { type Stepwise, toEnd } from '../conf/stepwise.ts'
import type { Directive } from '../conf/tree.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import { dependentsOf } from './dependents.ts'
import { readGroupsAhead } from './group-index.ts'
import type { Applied, Displaced, Edit, Instruction, Instructions } from './instruction.ts'
import { byRank, isNewcomer, kindOf, kindRank } from './instruction-kinds.ts'
import { groupsOfMember } from './instructions/upstream-member.ts'
import { KeyIndex } from './key-index.ts'
import { itemNames, type OrderBody, orderEdit } from './order.ts'
import { type OrderedTree, orderedTree } from './ordered-tree.ts'
import { orderTopic, ownersOf, placesAround } from './place.ts'
import { Refusal, replyCodes } from './refusal.ts'
import { ServerIndex } from './server-index.ts'

/** An instruction that the files no longer have room for; it stays in the journal and is tried again at a reload. */
export interface LeftOut {
  readonly instruction: Instruction
  readonly reason: string
}

export interface Rebased {
  readonly state: DynamicState
  readonly leftOut: readonly LeftOut[]
}

/** Everything that an edit may change. */
interface Version extends Applied {
  readonly instructions: Instructions
  readonly displaced: PersistentMap<Displaced>
  readonly places: KeyIndex
  readonly members: KeyIndex
  /** Bodies of the orders of blocks, by key. */
  readonly orders: PersistentMap<string>
  /** Numbers of the instructions in the order in which they were set. */
  readonly ages: PersistentMap<number>
  readonly lastAge: number
}

/** An edit as it is applied; with an age when it only puts in again what was there. */
interface Step {
  readonly key: string
  readonly body: string | null
  readonly age?: number
}

export class DynamicState {
  readonly http: ServerIndex
  readonly stream: ServerIndex
  readonly instructions: Instructions
  /** Places that are set, by the place around them. */
  readonly places: KeyIndex
  /** Changes of members, by what their keys begin with: topic, group and a slash. */
  readonly members: KeyIndex
  #ordered: OrderedTree | undefined
  readonly #version: Version
  readonly #base: Applied
  readonly #prefix: string

  private constructor(base: Applied, version: Version, prefix: string) {
    this.#base = base
    this.#prefix = prefix
    this.http = version.http
    this.stream = version.stream
    this.instructions = version.instructions
    this.places = version.places
    this.members = version.members
    this.#version = version
  }

  /** The state right after the files were read, with the journal's instructions put on top. */
  static rebase(files: Directive, instructions: Iterable<Instruction>, prefix: string): Rebased {
    return toEnd(DynamicState.rebasing(files, instructions, prefix))
  }

  /** The same in steps. */
  static rebasing(
    files: Directive,
    instructions: Iterable<Instruction>,
    prefix: string,
  ): Stepwise<Rebased> {
    const base = {
      tree: files,
      http: ServerIndex.of(files, 'http'),
      stream: ServerIndex.of(files, 'stream'),
    }
    const version = {
      ...base,
      instructions: PersistentMap.empty<string>(),
      displaced: PersistentMap.empty<Displaced>(),
      places: KeyIndex.empty(placesAround),
      members: KeyIndex.empty(groupsOfMember),
      orders: PersistentMap.empty<string>(),
      ages: PersistentMap.empty<number>(),
      lastAge: 0,
    }
    return putOnTop(new DynamicState(base, version, prefix), byRank([...instructions]))
  }

  /** With the orders of its blocks; servers of the indices are those of `unordered`. */
  get tree(): Directive {
    return this.#inOrder().tree
  }

  /** A block as it stands in the tree, where it was found by an index. */
  inOrder(node: Directive): Directive {
    return this.#version.orders.size === 0 ? node : (this.#inOrder().heirs.get(node) ?? node)
  }

  #inOrder(): OrderedTree {
    return (this.#ordered ??= orderedTree(this.#version, this.#version.orders.values()))
  }

  /** Reads ahead what the first change would have to read: so many servers or groups. True when nothing is left. */
  readAhead(servers: number): boolean {
    return (
      this.http.readAhead(servers) &&
      this.stream.readAhead(servers) &&
      readGroupsAhead(this.tree, 'http', servers) &&
      readGroupsAhead(this.tree, 'stream', servers)
    )
  }

  /** What the files alone say. */
  get files(): Directive {
    return this.#base.tree
  }

  /** As things came, without the orders of blocks. */
  get unordered(): Applied {
    return this.#version
  }

  /** The next state; throws `Refusal` when an edit is not possible, and then nothing has changed. */
  edit(edits: readonly Edit[]): DynamicState {
    return toEnd(this.editing(edits))
  }

  /** The same in steps. */
  *editing(edits: readonly Edit[]): Stepwise<DynamicState> {
    for (const { key, before: expected } of edits) {
      if (expected !== undefined && expected !== (this.instructions.get(key) ?? null)) {
        throw stale(key)
      }
    }
    let version = this.#version
    for (const step of this.#sorted([...this.#repeated(edits), ...this.#aged(edits)])) {
      const before = version.instructions.get(step.key)
      if (step.body === null && before === undefined) continue
      version = this.#apply(version, step, before)
      yield
    }
    return new DynamicState(this.#base, version, this.#prefix)
  }

  /**
   * The same edits, and those that take along what lies within what they set or take away, and that have
   * orders of blocks forget what goes.
   */
  complete(edits: readonly Edit[]): readonly Edit[] {
    const complete = this.#withDependents(edits)
    if (this.#version.orders.size === 0) return complete
    return [...complete, ...this.#forgetGone(complete)]
  }

  #withDependents(edits: readonly Edit[]): readonly Edit[] {
    const named = new Set(edits.map(({ key }) => key))
    const others = new Set<string>()
    for (const edit of edits) {
      const { within, beside } = dependentsOf(this, edit)
      for (const key of edit.body === null ? within : [...within, ...beside]) {
        if (!named.has(key)) others.add(key)
      }
    }
    return [...[...others].map((key) => ({ key, body: null })), ...edits]
  }

  /** Orders forget what has gone: what comes under its name later is another thing, and comes last. */
  #forgetGone(edits: readonly Edit[]): readonly Edit[] {
    const next = this.edit(edits)
    const named = new Set(edits.map(({ key }) => key))
    const shorter: Edit[] = []
    for (const [key, body] of next.#version.orders.entries()) {
      if (named.has(key)) continue
      const { steps, order } = JSON.parse(body) as OrderBody
      const before = ownersOf(this.unordered, steps)?.at(-1)
      const owner = ownersOf(next.unordered, steps)?.at(-1)
      if (owner === undefined || owner === before) continue
      const standing = itemNames(next.unordered, steps, owner)
      const left = new Set(standing)
      const wanted = order.filter((name) => left.has(name))
      if (wanted.length < order.length) shorter.push(orderEdit(steps, { standing, wanted }))
    }
    return shorter
  }

  /** The same edits, to be refused as stale when somebody else is quicker with one of the instructions. */
  expecting(edits: readonly Edit[]): readonly Edit[] {
    const seen = new Set<string>()
    return edits.map((edit) => {
      if (seen.has(edit.key)) return edit
      seen.add(edit.key)
      return { ...edit, before: this.instructions.get(edit.key) ?? null }
    })
  }

  /** What is set again keeps its age, as it does in the journal. */
  #aged(edits: readonly Edit[]): readonly Step[] {
    const gone = new Set(edits.filter(({ body }) => body === null).map(({ key }) => key))
    return edits.map(({ key, body }) => {
      const stays = !gone.has(key) && !isNewcomer(this.instructions.get(key))
      return body !== null && stays ? { key, body, age: this.#ageOf(key) } : { key, body }
    })
  }

  /** What hangs on something that changes is taken out before, and put in again after where it stays. */
  #repeated(edits: readonly Edit[]): readonly Step[] {
    const named = new Set(edits.map(({ key }) => key))
    const again: Step[] = []
    for (const key of this.#hanging(edits)) {
      const body = this.instructions.get(key)
      if (body === undefined) continue
      again.push({ key, body: null })
      if (!named.has(key)) again.push({ key, body, age: this.#ageOf(key) })
    }
    return again
  }

  #hanging(edits: readonly Edit[]): ReadonlySet<string> {
    const found = new Set<string>()
    for (const edit of edits) {
      const { within, beside } = dependentsOf(this, edit)
      for (const key of [...within, ...beside]) found.add(key)
    }
    return found
  }

  /**
   * What goes makes room for what comes, the inner before the outer and the newest first; then the outer come
   * before what changes inside them, the oldest first. So one transaction may move a name from one key to
   * another.
   */
  #sorted(steps: readonly Step[]): readonly Step[] {
    if (steps.length < 2) return steps
    const ranked = steps.map((step) => {
      const age = step.body === null ? this.#ageOf(step.key) : (step.age ?? Infinity)
      return { step, rank: kindRank(step.key), age }
    })
    const removals = ranked
      .filter(({ step }) => step.body === null)
      .sort((a, b) => b.rank - a.rank || b.age - a.age)
    const settings = ranked
      .filter(({ step }) => step.body !== null)
      .sort((a, b) => a.rank - b.rank || (a.age === b.age ? 0 : a.age - b.age))
    return [...removals, ...settings].map(({ step }) => step)
  }

  #ageOf(key: string): number {
    return this.#version.ages.get(key) ?? 0
  }

  #apply(version: Version, { key, body, age }: Step, before: string | undefined): Version {
    const { instructions, places, members, orders, ages, displaced } = version
    const outcome = kindOf(key).apply({
      tree: version.tree,
      http: version.http,
      stream: version.stream,
      key,
      before: parseBody(before),
      after: parseBody(body),
      base: this.#base,
      prefix: this.#prefix,
      displaced,
      bodyOf: (other) => parseBody(instructions.get(other)),
      places,
      members,
    })
    const { tree, http, stream } = outcome
    const made = { tree, http, stream, displaced: outcome.displaced ?? displaced }
    if (body === null) {
      return {
        ...made,
        instructions: instructions.delete(key),
        places: places.delete(key),
        members: members.delete(key),
        orders: key.startsWith(orderTopic) ? orders.delete(key) : orders,
        ages: ages.delete(key),
        lastAge: version.lastAge,
      }
    }
    return {
      ...made,
      instructions: instructions.set(key, body),
      places: places.add(key),
      members: members.add(key),
      orders: key.startsWith(orderTopic) ? orders.set(key, body) : orders,
      ages: ages.set(key, age ?? version.lastAge + 1),
      lastAge: version.lastAge + 1,
    }
  }
}

/**
 * Puts instruction after instruction on top. What finds no room is tried again after the others, for as long
 * as that moves anything: another one may have to make what it changes.
 */
function* putOnTop(start: DynamicState, instructions: readonly Instruction[]): Stepwise<Rebased> {
  let state = start
  let waiting: readonly Instruction[] = instructions
  for (;;) {
    const leftOut: LeftOut[] = []
    for (const instruction of waiting) {
      try {
        state = state.edit([instruction])
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        leftOut.push({ instruction, reason: error.message })
      }
      yield
    }
    if (leftOut.length === 0 || leftOut.length === waiting.length) return { state, leftOut }
    waiting = leftOut.map(({ instruction }) => instruction)
  }
}

function stale(key: string): Refusal {
  return new Refusal(replyCodes.stale, `"${key}" was changed by another request meanwhile`)
}

function parseBody(body: string | null | undefined): unknown {
  return body === null || body === undefined ? undefined : JSON.parse(body)
}
