/**
 * One run of the compile step: what it may ask for and what it leaves behind.
 *
 * Compiling has no effect outside the session. Whatever must happen when the new snapshot is taken into
 * use (a cell that points to a new group, a socket that opens) is recorded as a step and run by `commit`;
 * `abort` undoes what was prepared. A step of `commit` cannot fail: everything that can is done before.
 */
import { resolve } from 'node:path'
import { ConfError, type Diagnostic } from '../conf/diagnostics.ts'
import { type Directive, reportedAt } from '../conf/tree.ts'
import type { ModuleTable } from './module-table.ts'

export interface SessionOptions {
  readonly table: ModuleTable
  /** Folder of `-p`: relative paths of logs, roots and certificates of old start there. */
  readonly prefix: string
  /** Folder of the main configuration file. */
  readonly confPrefix: string
  /** True for a configuration test or a dry run: nothing may be opened that outlives the session. */
  readonly dryRun: boolean
  /** True for a change of what runs, which must leave alone what others use; files say all there is. */
  readonly edits?: boolean
}

export class CompileSession {
  readonly table: ModuleTable
  readonly prefix: string
  readonly confPrefix: string
  readonly dryRun: boolean
  readonly edits: boolean
  readonly #diagnostics: Diagnostic[] = []
  readonly #commits: (() => void)[] = []
  readonly #aborts: (() => void)[] = []
  /** Work that must succeed before the snapshot can be used, such as opening a port. */
  readonly #preparations: (() => Promise<void>)[] = []

  constructor(options: SessionOptions) {
    this.table = options.table
    this.prefix = options.prefix
    this.confPrefix = options.confPrefix
    this.dryRun = options.dryRun
    this.edits = options.edits ?? false
  }

  get diagnostics(): readonly Diagnostic[] {
    return this.#diagnostics
  }

  get failed(): boolean {
    return this.#diagnostics.some(({ severity }) => severity === 'emerg')
  }

  fail(message: string, node?: Directive): void {
    this.#diagnostics.push({ severity: 'emerg', message, at: node && reportedAt(node) })
  }

  warn(message: string, node?: Directive): void {
    this.#diagnostics.push({ severity: 'warn', message, at: node && reportedAt(node) })
  }

  /** Runs `work`; a `ConfError` in it becomes a diagnostic at `node`. Anything else is a bug and goes on up. */
  attempt<T>(node: Directive | undefined, work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      this.note(error, node)
      return undefined
    }
  }

  /** Makes a diagnostic of a `ConfError`, and throws anything else. */
  note(error: unknown, node: Directive | undefined): void {
    if (!(error instanceof ConfError)) throw error
    this.fail(error.message, node)
  }

  prefixPath(path: string): string {
    return resolve(this.prefix, path)
  }

  confPath(path: string): string {
    return resolve(this.confPrefix, path)
  }

  onPrepare(step: () => Promise<void>): void {
    this.#preparations.push(step)
  }

  onCommit(step: () => void): void {
    this.#commits.push(step)
  }

  onAbort(step: () => void): void {
    this.#aborts.push(step)
  }

  async prepare(): Promise<void> {
    for (const step of this.#preparations) await step()
  }

  commit(): void {
    const steps = this.#commits.slice()
    this.#forget()
    for (const step of steps) step()
  }

  abort(): void {
    const steps = this.#aborts.toReversed()
    this.#forget()
    for (const step of steps) step()
  }

  /** What was compiled may hold on to its session, and must not hold on to all that was in force before it. */
  #forget(): void {
    this.#preparations.length = 0
    this.#commits.length = 0
    this.#aborts.length = 0
  }
}
