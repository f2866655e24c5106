/**
 * All directives of a set of modules, by context and name.
 *
 * Built once when a process starts (and again when `load_module` brings more); the configuration test,
 * the compile step, the reference page and the API's schema all read this one table.
 */
import type { AnyModule, BlockRow, Context, Row } from './module.ts'

export interface DirectiveEntry {
  readonly name: string
  readonly module: AnyModule
  /** Set for a simple directive. */
  readonly row: Row<unknown> | undefined
  /** Set for a block directive. A name may be both, as `location`'s `if`. */
  readonly block: BlockRow | undefined
}

export class ModuleTable {
  readonly modules: readonly AnyModule[]
  readonly #byContext = new Map<Context, Map<string, DirectiveEntry>>()
  readonly #names = new Set<string>()

  constructor(modules: readonly AnyModule[]) {
    this.modules = modules
    for (const module of modules) {
      for (const [name, row] of Object.entries(module.directives)) {
        this.#add(module, name, row as Row<unknown>, undefined)
      }
      for (const [name, block] of Object.entries(module.blocks ?? {})) {
        this.#add(module, name, undefined, block)
      }
    }
  }

  find(context: Context, name: string): DirectiveEntry | undefined {
    return this.#byContext.get(context)?.get(name)
  }

  /** True when the name exists in some context: "not allowed here" rather than "unknown". */
  knows(name: string): boolean {
    return this.#names.has(name)
  }

  *entries(): Generator<readonly [Context, DirectiveEntry], void, undefined> {
    for (const [context, byName] of this.#byContext) {
      for (const entry of byName.values()) yield [context, entry]
    }
  }

  #add(
    module: AnyModule,
    name: string,
    row: Row<unknown> | undefined,
    block: BlockRow | undefined,
  ): void {
    this.#names.add(name)
    for (const context of (row ?? block)!.contexts) {
      const byName = this.#byContext.getOrInsertComputed(
        context,
        () => new Map<string, DirectiveEntry>(),
      )
      const known = byName.get(name)
      if (known !== undefined && known.module !== module) {
        throw new Error(`directive "${name}" of "${module.id}" is "${known.module.id}"'s already`)
      }
      const opened = block && openedIn(block, context)
      byName.set(name, { name, module, row: row ?? known?.row, block: opened ?? known?.block })
    }
  }
}

function openedIn(block: BlockRow, context: Context): BlockRow {
  const opens = block.opensIn?.[context]
  return opens === undefined ? block : { ...block, opens }
}
