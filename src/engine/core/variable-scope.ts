/**
 * Variables as one compile session of a subsystem sees them: names are used before they are defined
 * (`map` may stand below what reads it), so uses are collected and checked when all blocks were read.
 */
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from './compile-session.ts'
import { compileComplexValue, type ComplexValue } from './complex-value.ts'
import type { VariableDefinition, VariableHost, VariableTable } from './variables.ts'

interface Use {
  readonly name: string
  readonly node: Directive
  /** What is said where it does not exist; the usual words where nothing is given. */
  readonly missing?: string
}

export class VariableScope {
  readonly #session: CompileSession
  readonly #uses: Use[] = []
  #table: VariableTable<VariableHost>

  /** `table` holds the definitions of the modules and, where blocks were kept, those of the last snapshot. */
  constructor(session: CompileSession, table: VariableTable<VariableHost>) {
    this.#session = session
    this.#table = table
  }

  /** Compiles a text whose variables must exist when the session ends. */
  complex(text: string, node: Directive): ComplexValue {
    return compileComplexValue(text, this.#table.names, (name) => this.#uses.push({ name, node }))
  }

  /** Slot of a variable that `node` reads, written with its `$`; `missing` is said where it does not exist. */
  use(text: string, node: Directive, missing?: string): number {
    const name = variableName(text)
    this.#uses.push({ name, node, ...(missing !== undefined && { missing }) })
    return this.#table.names.slot(name)
  }

  /** Defines what `map`, `geo`, `set` and the like bring; `text` is written with its `$`. Returns the slot. */
  define(text: string, definition: VariableDefinition<VariableHost>): number {
    const name = variableName(text)
    const known = this.#table.find(name)
    if (known !== undefined && known.changeable !== true) {
      throw new ConfError(`the duplicate "${name}" variable`)
    }
    if (known !== definition) this.#table = this.#table.extend([[name, definition]])
    return this.#table.names.slot(name)
  }

  /** Makes sure a variable exists that `set` writes: one that is defined already keeps its reader. */
  declare(text: string, definition: VariableDefinition<VariableHost>): number {
    const known = this.#table.find(variableName(text))
    return known?.changeable === true
      ? this.#table.names.slot(variableName(text))
      : this.define(text, definition)
  }

  /** Reports uses of unknown variables and returns the definitions of the new snapshot. */
  finish(): VariableTable<VariableHost> {
    for (const { name, node, missing } of this.#uses) {
      if (/^[1-9]$/.test(name) || this.#table.find(name) !== undefined) continue
      this.#session.fail(missing ?? `unknown "${name}" variable`, node)
    }
    return this.#table
  }
}

/** `$name` without its sign; anything else is nginx's `invalid variable name`. */
export function variableName(text: string): string {
  if (!/^\$[A-Za-z0-9_]+$/.test(text)) throw new ConfError(`invalid variable name "${text}"`)
  return text.slice(1)
}
