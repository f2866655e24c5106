/**
 * A slice of the configuration that a process keeps for itself: of the files only what matters there, and
 * of the instructions only those that change it. So a change of anything else costs nothing.
 */
import type { Directive } from '../conf/tree.ts'
import { DynamicState } from '../control/dynamic-state.ts'
import type { Instruction } from '../control/instruction.ts'
import type { Change, ConfigurationFiles } from './messages.ts'

export interface SliceShape {
  /** The tree with nothing in it but what matters. */
  readonly cut: (tree: Directive) => Directive
  /** True for the keys of instructions that change that. */
  readonly has: (key: string) => boolean
}

/** Where files and instructions come from. */
export interface TreeSources {
  /** The tree of files that are in force, or that a change brings. */
  readonly treeOf: (files: ConfigurationFiles) => Directive
  readonly instructions: () => readonly Instruction[]
}

export class TreeSlice {
  readonly #shape: SliceShape

  constructor(shape: SliceShape) {
    this.#shape = shape
  }

  /** A tree with what instructions put on it. */
  of(tree: Directive, instructions: readonly Instruction[], prefix: string): DynamicState {
    const { cut, has } = this.#shape
    const own = instructions.filter(({ key }) => has(key))
    return DynamicState.rebase(cut(tree), own, prefix).state
  }

  /** Files with what the journal has put on them. */
  ofFiles(files: ConfigurationFiles, { treeOf, instructions }: TreeSources): DynamicState {
    return this.of(treeOf(files), instructions(), files.prefix)
  }

  /** What a change makes of it; `undefined` where it changes nothing here, or nothing is kept yet. */
  after(
    before: DynamicState | undefined,
    { files, edits }: Change,
    sources: TreeSources,
  ): DynamicState | undefined {
    if (files !== undefined) return this.ofFiles(files, sources)
    const own = edits.filter(({ key }) => this.#shape.has(key))
    return own.length === 0 ? undefined : before?.edit(own)
  }
}
