/** What is looked for in a block again and again, after changes that leave most of it as it was. */
import type { Block } from './block.ts'
import { Note } from './block-note.ts'
import type { Directive } from './tree.ts'

const none: readonly never[] = Object.freeze([])

/** Looks at the parts of a block that it has not seen: a change among thousands makes a few of them. */
export class BlockMemo<T> {
  readonly #pick: (node: Directive) => readonly T[]
  readonly #known = new Note<readonly T[]>()

  /** `pick` says what a directive has of what is looked for. */
  constructor(pick: (node: Directive) => readonly T[]) {
    this.#pick = pick
  }

  /** All that is found, in order. */
  of(block: Block): readonly T[] {
    // Small blocks are many, and looked through as soon as remembered.
    if (block.kind === 'leaf') return this.#among(block.items)
    const known = this.#known.get(block)
    if (known !== undefined) return known
    const found = block.parts.flatMap((part) => this.#inPart(part))
    this.#known.set(block, found)
    return found
  }

  #inPart(part: Block): readonly T[] {
    if (part.kind === 'branch') return this.of(part)
    const known = this.#known.get(part)
    if (known !== undefined) return known
    const found = this.#among(part.items)
    this.#known.set(part, found)
    return found
  }

  #among(items: readonly Directive[]): readonly T[] {
    let found: T[] | undefined
    for (const item of items) {
      const picked = this.#pick(item)
      if (picked.length === 0) continue
      found ??= []
      found.push(...picked)
    }
    return found ?? none
  }
}
