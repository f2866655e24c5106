/** Notes which groups of upstreams a part of the configuration refers to, so that it can let go of them. */
import type { Directive } from '../conf/tree.ts'
import type {
  TargetOptions,
  UpstreamCell,
  UpstreamCells,
} from '../modules/upstreams/upstream-cells.ts'
import { none } from './hook-table.ts'

export class UsedUpstreams implements UpstreamCells {
  readonly #cells: UpstreamCells
  #names: string[] | undefined

  constructor(cells: UpstreamCells) {
    this.#cells = cells
  }

  /** Names by each reference. */
  get names(): readonly string[] {
    return this.#names ?? none
  }

  use(target: string, at?: Directive, options?: TargetOptions): UpstreamCell {
    const cell = this.#cells.use(target, at, options)
    this.#names ??= []
    this.#names.push(cell.name)
    return cell
  }

  /** Notes for another part. */
  fresh(): UsedUpstreams {
    return new UsedUpstreams(this.#cells)
  }
}
