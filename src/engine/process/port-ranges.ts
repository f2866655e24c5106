/**
 * The `range` directives of files and instructions, kept in force by the master: it is root, and outlives
 * whoever uses the ports.
 */
import { blockOf, directives } from '../conf/block.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import type { DynamicState } from '../control/dynamic-state.ts'
import { portRange } from '../control/instructions/port-range.ts'
import { placeKey } from '../control/place.ts'
import { isSameRange, type PortRange, rangesOf } from '../control/port-range.ts'
import type { Log } from '../core/log.ts'
import type { Change, ConfigurationFiles } from './messages.ts'
import { PortRedirection } from './port-redirection.ts'
import type { OwnPart } from './transactions.ts'
import { TreeSlice, type TreeSources } from './tree-slice.ts'

export interface PortRangesOptions extends TreeSources {
  readonly prefix: string
  readonly log: Log
}

interface Next {
  readonly state: DynamicState
  readonly added: readonly PortRange[]
  readonly dropped: readonly PortRange[]
}

export class PortRanges implements OwnPart {
  readonly #options: PortRangesOptions
  readonly #redirection: PortRedirection
  #state: DynamicState | undefined
  #next: Next | undefined

  constructor(options: PortRangesOptions) {
    this.#options = options
    this.#redirection = new PortRedirection(options.prefix)
  }

  /** Puts in force what files and instructions say, and removes what a killed master left. */
  async start(files: ConfigurationFiles): Promise<void> {
    this.#state = slice.ofFiles(files, this.#options)
    const { ranges, program } = rangesOf(this.#state.tree)
    this.#redirection.use(program ?? this.#redirection.notedProgram)
    if (ranges.length > 0 || this.#redirection.maybeLeft) await this.#redirection.settle(ranges)
  }

  async stop(): Promise<void> {
    if (this.#redirection.maybeLeft) await this.#redirection.settle([])
    this.#state = undefined
  }

  async prepare(change: Change, dryRun: boolean): Promise<void> {
    const state = slice.after(this.#state, change, this.#options)
    if (state === undefined) return
    const before = this.#state === undefined ? [] : rangesOf(this.#state.tree).ranges
    const { ranges, program } = rangesOf(state.tree)
    const added = ranges.filter((range) => !before.some((old) => isSameRange(old, range)))
    const dropped = before.filter((range) => !ranges.some((other) => isSameRange(other, range)))
    this.#redirection.use(program)
    if (dryRun) return this.#redirection.probe(added)
    await this.#redirection.add(added)
    this.#next = { state, added, dropped }
  }

  async commit(): Promise<void> {
    if (this.#next === undefined) return
    const { state, dropped } = this.#next
    this.#state = state
    this.#next = undefined
    if (dropped.length > 0) await this.#settle()
  }

  async abort(): Promise<void> {
    if (this.#next === undefined) return
    const { added } = this.#next
    this.#next = undefined
    if (added.length > 0) await this.#settle()
  }

  /** What is in force is decided by now: a program that fails can only be spoken of. */
  async #settle(): Promise<void> {
    try {
      await this.#redirection.settle(rangesOf(this.#state!.tree).ranges)
    } catch (error) {
      this.#options.log.write('error', `range: ${(error as Error).message}`)
    }
  }
}

/** Under which the general interface sets all `range` lines at once. */
const rangePlace = placeKey({ steps: [], target: 'range' })

/** The main context without its blocks. */
function mainOnly(tree: Directive): Directive {
  const own = [...directives(tree.block!)].filter(({ block }) => block === undefined)
  return withBlock(tree, blockOf(own))
}

const slice = new TreeSlice({
  cut: mainOnly,
  has: (key) => key === rangePlace || key.startsWith(portRange.topic),
})
