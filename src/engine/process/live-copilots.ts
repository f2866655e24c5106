/**
 * Which copilots the configuration in force is of no use without, files and live changes taken together.
 */
import { blockOf, directives, findDirective } from '../conf/block.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import type { DynamicState } from '../control/dynamic-state.ts'
import { placeKey } from '../control/place.ts'
import type { Helper } from './copilot-pool.ts'
import { resolveProgram } from './helper-line.ts'
import { impliedCopilots, implyingDirective } from './implied-copilots.ts'
import type { Change, ConfigurationFiles } from './messages.ts'
import type { HelperLine } from './modules/main.ts'
import type { OwnPart } from './transactions.ts'
import { TreeSlice, type TreeSources } from './tree-slice.ts'

export interface LiveCopilotsOptions extends TreeSources {
  readonly prefix: string
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
    this.#state = slice.ofFiles(files, this.#options)
  }

  /** Those that have a `helper` line, and those that are to run without one. */
  beside(written: readonly Helper[]): readonly Helper[] {
    if (this.#state === undefined) return written
    const lines = written.map(({ line }) => line)
    const implied = impliedCopilots(this.#state.tree, lines)
    return [...written, ...implied.map((line) => this.#helperOf(line))]
  }

  async prepare(change: Change, dryRun: boolean): Promise<void> {
    const state = slice.after(this.#state, change, this.#options)
    if (state !== undefined && !dryRun) this.#next = { state, isEdit: change.files === undefined }
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

/** `http` with nothing in it but what asks for a copilot. */
function implyingOnly(tree: Directive): Directive {
  const http = findDirective(tree.block, 'http')
  if (http === undefined) return withBlock(tree, blockOf([]))
  const own = [...directives(http.block!)].filter(({ name }) => name === implyingDirective)
  return withBlock(tree, blockOf([withBlock(http, blockOf(own))]))
}

const slice = new TreeSlice({ cut: implyingOnly, has: (key) => ownKeys.has(key) })
