/**
 * A configuration that was read, with the modules it names: what is compiled, again and again, as it
 * changes.
 */
import type { Diagnostic } from '../conf/diagnostics.ts'
import { CheckMemo, checkTree } from '../conf/check.ts'
import type { Directive } from '../conf/tree.ts'
import { CompileSession } from '../core/compile-session.ts'
import type { ModuleTable } from '../core/module-table.ts'
import { compileTree, type Snapshot, type Subsystem } from '../core/snapshot.ts'
import type { Stepwise } from '../conf/stepwise.ts'
import type { ConfigurationFiles } from './messages.ts'
import { confPrefixOf } from './place.ts'
import type { ReadConfiguration } from './read-configuration.ts'

/** A configuration that cannot be used, with everything that was found wrong. */
export class ConfigurationError extends Error {
  readonly code = 'TRIJET_CONFIGURATION'
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.find(({ severity }) => severity === 'emerg')?.message ?? 'invalid')
    this.name = 'ConfigurationError'
    this.diagnostics = diagnostics
  }
}

export interface Compiled {
  readonly snapshot: Snapshot
  readonly session: CompileSession
}

export interface CompileOptions {
  readonly before: Snapshot | undefined
  readonly dryRun: boolean
  /** True when instructions change what runs; false when files are read. */
  readonly edits: boolean
}

export class Configuration {
  readonly files: ConfigurationFiles
  /** What the files say, without instructions. */
  readonly tree: Directive
  readonly table: ModuleTable
  readonly #subsystems: readonly Subsystem<unknown>[]
  /** What was found right, by directive, as long as the table stays. */
  readonly #memo: CheckMemo

  constructor(
    read: ReadConfiguration,
    table: ModuleTable,
    subsystems: readonly Subsystem<unknown>[],
    memo: CheckMemo = new CheckMemo(),
  ) {
    this.files = read.files
    this.tree = read.tree
    this.table = table
    this.#subsystems = subsystems
    this.#memo = memo
  }

  /** Other files with the same modules; what was found right before is not looked at again. */
  withFiles(read: ReadConfiguration): Configuration {
    return new Configuration(read, this.table, this.#subsystems, this.#memo)
  }

  /** Throws `ConfigurationError` with everything that is wrong. */
  *compile(tree: Directive, { before, ...options }: CompileOptions): Stepwise<Compiled> {
    const session = this.#session(options)
    const shapes = checkTree(tree, this.table, this.#memo)
    if (shapes.length > 0) throw new ConfigurationError(shapes)
    const snapshot = yield* compileTree(tree, this.#subsystems, session, before)
    if (session.failed) throw new ConfigurationError(session.diagnostics)
    return { snapshot, session }
  }

  #session(options: Omit<CompileOptions, 'before'>): CompileSession {
    const { entry, prefix } = this.files
    return new CompileSession({
      table: this.table,
      prefix,
      confPrefix: confPrefixOf(entry),
      ...options,
    })
  }
}
