/**
 * What is in force in a block, as far as the text says: its own directives of a name, or those of the nearest
 * block around it that has some. That is how nginx inherits.
 *
 * ```text
 *   http { access_log a; server { location /x { } location /y { access_log b; } } }
 *          └── in force in /x ──────────────────┘                └── in /y
 * ```
 */
import type { Directive } from '../../conf/tree.ts'
import { settingsOf } from '../../core/scope.ts'

export class Surroundings {
  readonly node: Directive
  readonly outer: Surroundings | undefined

  constructor(node: Directive, outer?: Surroundings) {
    this.node = node
    this.outer = outer
  }

  /** Directives of one of the names that stand in this very block. */
  own(...names: readonly string[]): readonly Directive[] {
    const { block } = this.node
    if (block === undefined) return []
    return settingsOf(block).filter(({ name }) => names.includes(name))
  }

  /** The innermost ones: names that are given together hide each other. */
  inForce(...names: readonly string[]): readonly Directive[] {
    const own = this.own(...names)
    return own.length > 0 ? own : (this.outer?.inForce(...names) ?? [])
  }

  /** First argument of the last directive of a name. */
  argument(name: string): string | undefined {
    return this.inForce(name).at(-1)?.args[0]
  }

  /** `on` or `off`, or what holds where nobody says. */
  flag(name: string, otherwise: boolean): boolean {
    const text = this.argument(name)
    return text === undefined ? otherwise : text.toLowerCase() === 'on'
  }
}
