/**
 * A configuration that is being changed before anybody hears of it: each step works on what those before it
 * left, and in the end all are one list of edits.
 *
 * ```text
 *   state ─ set ─▶ state′ ─ set ─▶ state″ ─▶ edits: what differs between the instructions of both
 * ```
 *
 * What is set to what would stand there anyway needs no instruction: the draft takes away what was set
 * before, so that adding and removing leave nothing behind.
 */
import { blockOf, directives } from '../conf/block.ts'
import { printDirective } from '../conf/printer.ts'
import type { Directive } from '../conf/tree.ts'
import { dependentsOf } from './dependents.ts'
import { DoorFault } from './door-fault.ts'
import type { DynamicState } from './dynamic-state.ts'
import type { Edit } from './instruction.ts'
import { itemNames, orderEdit } from './order.ts'
import { Origins } from './origins.ts'
import { ownersOf, type Place, placeEdit, type PlaceStep, standing } from './place.ts'
import { Refusal, replyCodes } from './refusal.ts'

export class Draft {
  readonly #start: DynamicState
  #state: DynamicState
  /** Keys in the order in which they were edited last. */
  readonly #edited = new Set<string>()
  /** Keys that were there at the start and have been taken away since. */
  readonly #gone = new Set<string>()

  /** Where what was set comes from. */
  readonly origins: Origins = new Origins()

  constructor(start: DynamicState) {
    this.#start = start
    this.#state = start
  }

  get state(): DynamicState {
    return this.#state
  }

  /** Makes exactly these directives stand at the place. */
  set(place: Place, nodes: readonly Directive[]): void {
    const text = textOf(nodes)
    if (textAt(this.#state, place) === text) return
    const edit = placeEdit(place, text)
    this.origins.note(edit.key, { text, nodes })
    if (!this.#takeAway(place, edit, text)) this.#apply([edit])
  }

  /** Makes the block that the steps lead to have that order, which names all that stands in it. */
  arrange(steps: readonly PlaceStep[], wanted: readonly string[]): void {
    const { unordered } = this.#state
    const owner = ownersOf(unordered, steps)!.at(-1)!
    const edit = orderEdit(steps, { standing: itemNames(unordered, steps, owner), wanted })
    if (edit.body !== (this.#state.instructions.get(edit.key) ?? null)) this.#apply([edit])
  }

  /** Everything that was set, as one change. */
  edits(): readonly Edit[] {
    const edits: Edit[] = []
    for (const key of this.#edited) {
      const body = this.#state.instructions.get(key) ?? null
      const again = body !== null && this.#gone.has(key)
      // Set again it is younger than it was.
      if (again) edits.push({ key, body: null })
      if (again || body !== (this.#start.instructions.get(key) ?? null)) edits.push({ key, body })
    }
    return edits
  }

  /** True when it is enough that instructions go which changed the place before. */
  #takeAway(place: Place, edit: Edit, text: string): boolean {
    const { instructions } = this.#state
    const { beside } = dependentsOf(this.#state, edit)
    const keys = [edit.key, ...beside].filter((key) => instructions.has(key))
    if (keys.length === 0) return false
    const removals = keys.map((key) => ({ key, body: null }))
    try {
      const complete = this.#state.complete(removals)
      const without = this.#state.edit(complete)
      if (textAt(without, place) !== text) return false
      this.#take(complete, without)
      return true
    } catch (error) {
      if (error instanceof Refusal) return false
      throw error
    }
  }

  #apply(edits: readonly Edit[]): void {
    try {
      const complete = this.#state.complete(edits)
      this.#take(complete, this.#state.edit(complete))
    } catch (error) {
      if (!(error instanceof Refusal) || error instanceof DoorFault) throw error
      const { code, msg, data } = this.origins.replyOf(error.reply)
      throw new DoorFault(code === replyCodes.notAllowed ? 409 : 422, msg, data)
    }
  }

  #take(edits: readonly Edit[], state: DynamicState): void {
    this.#state = state
    for (const { key, body } of edits) {
      this.#edited.delete(key)
      this.#edited.add(key)
      if (body === null && this.#start.instructions.has(key)) this.#gone.add(key)
    }
  }
}

function textAt(state: DynamicState, place: Place): string {
  return textOf(standing(state, place).map((node) => state.inOrder(node)))
}

/** Equal for directives that say the same, however they were written. */
export function textOf(nodes: readonly Directive[]): string {
  return nodes.map((node) => printDirective(bare(node))).join('\n')
}

const known = new WeakMap<Directive, Directive>()

/** A directive without its comments and the way it was written. */
function bare(node: Directive): Directive {
  const before = known.get(node)
  if (before !== undefined) return before
  const { block } = node
  const next: Directive = {
    ...node,
    source: undefined,
    block: block && blockOf([...directives(block)].map(bare)),
  }
  known.set(node, next)
  return next
}
