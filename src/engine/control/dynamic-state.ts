/**
 * Files plus instructions, and the tree they make together.
 *
 * Every process that serves or controls holds one: workers, the single process, the control copilot. All
 * apply the same edits in the same order and so hold the same tree.
 */
import type { Directive } from '../conf/tree.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import { dependentsOf } from './dependents.ts'
import type { Applied, Displaced, Edit, Instruction, Instructions } from './instruction.ts'
import { byRank, kindOf, kindRank } from './instruction-kinds.ts'
import { MemberIndex } from './member-index.ts'
import { PlaceIndex } from './place-index.ts'
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
  readonly places: PlaceIndex
  readonly members: MemberIndex
}

export class DynamicState {
  readonly tree: Directive
  readonly http: ServerIndex
  readonly stream: ServerIndex
  readonly instructions: Instructions
  /** Which places are set. */
  readonly places: PlaceIndex
  /** Which members of groups are changed. */
  readonly members: MemberIndex
  readonly #displaced: PersistentMap<Displaced>
  readonly #base: Applied
  readonly #prefix: string

  private constructor(base: Applied, version: Version, prefix: string) {
    this.#base = base
    this.#prefix = prefix
    this.tree = version.tree
    this.http = version.http
    this.stream = version.stream
    this.instructions = version.instructions
    this.places = version.places
    this.members = version.members
    this.#displaced = version.displaced
  }

  /** The state right after the files were read, with the journal's instructions put on top. */
  static rebase(files: Directive, instructions: Iterable<Instruction>, prefix: string): Rebased {
    const base = {
      tree: files,
      http: ServerIndex.of(files, 'http'),
      stream: ServerIndex.of(files, 'stream'),
    }
    const version = {
      ...base,
      instructions: PersistentMap.empty<string>(),
      displaced: PersistentMap.empty<Displaced>(),
      places: PlaceIndex.empty,
      members: MemberIndex.empty,
    }
    return putOnTop(new DynamicState(base, version, prefix), byRank([...instructions]))
  }

  /** What the files alone say. */
  get files(): Directive {
    return this.#base.tree
  }

  /** The next state; throws `Refusal` when an edit is not possible, and then nothing has changed. */
  edit(edits: readonly Edit[]): DynamicState {
    let version: Version = this.#version()
    for (const { key, before: expected } of edits) {
      if (expected !== undefined && expected !== (this.instructions.get(key) ?? null)) {
        throw stale(key)
      }
    }
    for (const { key, body } of inOrder([...edits, ...this.#repeated(edits)])) {
      const before = version.instructions.get(key)
      if (body === null && before === undefined) continue
      version = this.#apply(version, { key, before, body })
    }
    return new DynamicState(this.#base, version, this.#prefix)
  }

  /** The same edits, and those that take along what lies within what they set or take away. */
  complete(edits: readonly Edit[]): readonly Edit[] {
    const others = this.#others(edits, (edit) => {
      const { within, beside } = dependentsOf(this, edit)
      return edit.body === null ? within : [...within, ...beside]
    })
    return [...[...others].map((key) => ({ key, body: null })), ...edits]
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

  /** What lies within something that is set anew, and stays: it is taken out before and put in again after. */
  #repeated(edits: readonly Edit[]): readonly Edit[] {
    const others = this.#others(edits, (edit) => {
      const { within, beside } = dependentsOf(this, edit)
      return [...within, ...beside]
    })
    return [...others].flatMap((key) => [
      { key, body: null },
      { key, body: this.instructions.get(key)! },
    ])
  }

  #others(edits: readonly Edit[], hanging: (edit: Edit) => readonly string[]): ReadonlySet<string> {
    const named = new Set(edits.map(({ key }) => key))
    return new Set(edits.flatMap(hanging).filter((key) => !named.has(key)))
  }

  #apply(
    version: Version,
    { key, before, body }: { key: string; before: string | undefined; body: string | null },
  ): Version {
    const { instructions, places, members } = version
    const outcome = kindOf(key).apply({
      tree: version.tree,
      http: version.http,
      stream: version.stream,
      key,
      before: parseBody(before),
      after: parseBody(body),
      base: this.#base,
      prefix: this.#prefix,
      displaced: version.displaced,
      bodyOf: (other) => parseBody(instructions.get(other)),
      members,
    })
    return {
      tree: outcome.tree,
      http: outcome.http,
      stream: outcome.stream,
      displaced: outcome.displaced ?? version.displaced,
      instructions: body === null ? instructions.delete(key) : instructions.set(key, body),
      places: body === null ? places.delete(key) : places.add(key),
      members: body === null ? members.delete(key) : members.add(key),
    }
  }

  #version(): Version {
    const { tree, http, stream, instructions, places, members } = this
    return { tree, http, stream, instructions, places, members, displaced: this.#displaced }
  }
}

/**
 * Puts instruction after instruction on top. What finds no room is tried again after the others, for as long
 * as that moves anything: another one may have to make what it changes.
 */
function putOnTop(start: DynamicState, instructions: readonly Instruction[]): Rebased {
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
    }
    if (leftOut.length === 0 || leftOut.length === waiting.length) return { state, leftOut }
    waiting = leftOut.map(({ instruction }) => instruction)
  }
}

function stale(key: string): Refusal {
  return new Refusal(replyCodes.stale, `"${key}" was changed by another request meanwhile`)
}

/**
 * What goes makes room for what comes, the inner before the outer; then the outer come before what changes
 * inside them. So one transaction may move a name from one key to another.
 */
function inOrder(edits: readonly Edit[]): readonly Edit[] {
  if (edits.length < 2) return edits
  const ranked = edits.map((edit) => ({ edit, rank: kindRank(edit.key) }))
  const removals = ranked.filter(({ edit }) => edit.body === null).sort((a, b) => b.rank - a.rank)
  const settings = ranked.filter(({ edit }) => edit.body !== null).sort((a, b) => a.rank - b.rank)
  return [...removals, ...settings].map(({ edit }) => edit)
}

function parseBody(body: string | null | undefined): unknown {
  return body === null || body === undefined ? undefined : JSON.parse(body)
}
