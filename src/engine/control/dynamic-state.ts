/**
 * Files plus instructions, and the tree they make together.
 *
 * Every process that serves or controls holds one: workers, the single process, the control copilot. All
 * apply the same edits in the same order and so hold the same tree.
 */
import type { Directive } from '../conf/tree.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import type { Applied, Edit, Instruction, Instructions } from './instruction.ts'
import { kindOf, kindRank } from './instruction-kinds.ts'
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

export class DynamicState {
  readonly tree: Directive
  readonly http: ServerIndex
  readonly stream: ServerIndex
  readonly instructions: Instructions
  readonly #base: Applied
  readonly #prefix: string

  private constructor(base: Applied, applied: Applied, instructions: Instructions, prefix: string) {
    this.#base = base
    this.#prefix = prefix
    this.tree = applied.tree
    this.http = applied.http
    this.stream = applied.stream
    this.instructions = instructions
  }

  /** The state right after the files were read, with the journal's instructions put on top. */
  static rebase(files: Directive, instructions: Iterable<Instruction>, prefix: string): Rebased {
    const base = {
      tree: files,
      http: ServerIndex.of(files, 'http'),
      stream: ServerIndex.of(files, 'stream'),
    }
    let state = new DynamicState(base, base, PersistentMap.empty(), prefix)
    const leftOut: LeftOut[] = []
    const byRank = [...instructions].sort((a, b) => kindRank(a.key) - kindRank(b.key))
    for (const instruction of byRank) {
      try {
        state = state.edit([instruction])
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        leftOut.push({ instruction, reason: error.message })
      }
    }
    return { state, leftOut }
  }

  /** The next state; throws `Refusal` when an edit is not possible, and then nothing has changed. */
  edit(edits: readonly Edit[]): DynamicState {
    let applied: Applied = { tree: this.tree, http: this.http, stream: this.stream }
    let { instructions } = this
    for (const { key, body, before: expected } of inOrder(edits)) {
      const before = instructions.get(key)
      if (expected !== undefined && expected !== (before ?? null)) throw stale(key)
      if (body === null && before === undefined) continue
      applied = kindOf(key).apply({
        ...applied,
        key,
        before: parseBody(before),
        after: parseBody(body),
        base: this.#base,
        prefix: this.#prefix,
        bodyOf: (other) => parseBody(instructions.get(other)),
      })
      instructions = body === null ? instructions.delete(key) : instructions.set(key, body)
    }
    return new DynamicState(this.#base, applied, instructions, this.#prefix)
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
