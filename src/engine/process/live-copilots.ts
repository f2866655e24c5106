/**
 * Which copilots the configuration in force is of no use without, files and live changes taken together.
 *
 * Only the directives that ask for one are looked at, so that a change of anything else costs nothing here.
 */
import { blockOf, directives, findDirective } from '../conf/block.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import { DynamicState } from '../control/dynamic-state.ts'
import type { Edit, Instruction } from '../control/instruction.ts'
import { placeKey } from '../control/place.ts'
import type { Helper } from './copilot-pool.ts'
import { resolveProgram } from './helper-line.ts'
import { impliedCopilots, implyingDirective } from './implied-copilots.ts'
import type { Change, ConfigurationFiles } from './messages.ts'
import type { HelperLine } from './modules/main.ts'
import type { OwnPart } from './transactions.ts'

export interface LiveCopilotsOptions {
  readonly prefix: string
  /** The tree of files that are in force, or that a change brings. */
  readonly treeOf: (files: ConfigurationFiles) => Directive
  readonly instructions: () => readonly Instruction[]
  /** Hears of live changes; what new files ask for is taken into use with them. */
  readonly onChange: () => void
}

interface Next {
  readonly state: DynamicState
  readonly isEdit: boolean
}

export class LiveCopilots implements OwnPart {
  readonly #options: LiveCopilotsOptions
  #state: DynamicState | undefined
  #next: Next | undefined

  constructor(options: LiveCopilotsOptions) {
    this.#options = options
  }

  /** Begins with the files and what the journal has put on them. */
  start(files: ConfigurationFiles): void {
    this.#state = this.#stateOf(files)
  }

  /** Those that have a `helper` line, and those that are to run without one. */
  beside(written: readonly Helper[]): readonly Helper[] {
    if (this.#state === undefined) return written
    const lines = written.map(({ line }) => line)
    const implied = impliedCopilots(this.#state.tree, lines)
    return [...written, ...implied.map((line) => this.#helperOf(line))]
  }

  async prepare({ files, edits }: Change, dryRun: boolean): Promise<void> {
    const own = edits.filter(isOwn)
    if (files === undefined && (own.length === 0 || this.#state === undefined)) return
    const state = files === undefined ? this.#state!.edit(own) : this.#stateOf(files)
    if (!dryRun) this.#next = { state, isEdit: files === undefined }
  }

  async commit(): Promise<void> {
    if (this.#next === undefined) return
    const { state, isEdit } = this.#next
    this.#next = undefined
    this.#state = state
    if (isEdit) this.#options.onChange()
  }

  async abort(): Promise<void> {
    this.#next = undefined
  }

  #stateOf(files: ConfigurationFiles): DynamicState {
    const { treeOf, instructions } = this.#options
    const own = instructions().filter(isOwn)
    return DynamicState.rebase(implyingOnly(treeOf(files)), own, files.prefix).state
  }

  #helperOf(line: HelperLine): Helper {
    const program = resolveProgram(line, this.#options.prefix)
    return { line, program, confFile: undefined, ignoreReload: false }
  }
}

/** Under which the general interface sets the directive, and all that it stands among. */
const ownKeys: ReadonlySet<string> = new Set([
  placeKey({ steps: [], target: 'http' }),
  placeKey({ steps: [['http']], target: implyingDirective }),
])

function isOwn({ key }: Instruction | Edit): boolean {
  return ownKeys.has(key)
}

/** `http` with nothing in it but what asks for a copilot. */
function implyingOnly(tree: Directive): Directive {
  const http = findDirective(tree.block, 'http')
  if (http === undefined) return withBlock(tree, blockOf([]))
  const own = [...directives(http.block!)].filter(({ name }) => name === implyingDirective)
  return withBlock(tree, blockOf([withBlock(http, blockOf(own))]))
}
