/**
 * The running configuration of one process: the tree, the snapshot made of it, and the listeners it wants.
 *
 * Workers, the single process and the control copilot hold one each. A change is prepared beside what is
 * in force and then taken into use between two events, or dropped.
 *
 * ```text
 *   load ─▶ [ prepare ─▶ commit | abort ]*  ─▶ serve ─▶ [ prepare ─▶ commit | abort ]*
 *            catching up, ports closed                    serving
 * ```
 */
import assert from 'node:assert/strict'
import { reconciling } from '../conf/reconcile.ts'
import { type Stepwise, toEnd } from '../conf/stepwise.ts'
import type { Directive } from '../conf/tree.ts'
import { inPieces } from '../core/pieces.ts'
import { DynamicState, type LeftOut } from '../control/dynamic-state.ts'
import type { Instruction } from '../control/instruction.ts'
import { byRank } from '../control/instruction-kinds.ts'
import { Refusal } from '../control/refusal.ts'
import type { CompileSession } from '../core/compile-session.ts'
import { hasChangedFile } from '../core/file-dependencies.ts'
import { type FetchFiles, withFetchedFiles } from '../core/protected-files.ts'
import type { Snapshot } from '../core/snapshot.ts'
import { type Compiled, type Configuration, ConfigurationError } from './configuration.ts'
import { processLimits } from './limits.ts'
import type { Change, ConfigurationFiles, LeftOutNote, State } from './messages.ts'
import { readingTexts, type ReadConfiguration } from './read-configuration.ts'

/** Opens, keeps and closes what a snapshot listens on. */
export interface Listening {
  /** Opens what is new; throws when a port cannot be had. */
  prepare(snapshot: Snapshot): Promise<PreparedListening>
}

export interface PreparedListening {
  commit(): void
  abort(): void
}

export interface RuntimeOptions {
  /** Turns a configuration that was read into one that can be compiled; `last` is what it follows. */
  readonly configure: (
    read: ReadConfiguration,
    last: Configuration | undefined,
  ) => Promise<Configuration>
  readonly listening: Listening
  /** For a process that may have given up root. */
  readonly fetchFiles?: FetchFiles | undefined
  /** True: compile, but open nothing. */
  readonly dryRun?: boolean
}

/** Everything that changes together. */
interface Version {
  readonly configuration: Configuration
  readonly dynamic: DynamicState
  readonly snapshot: Snapshot
}

interface Pending {
  readonly version: Version
  readonly session: CompileSession
  readonly listening: PreparedListening | undefined
  readonly change: Change
}

/** A dynamic state with the snapshot that was made of it. */
interface Attempt extends Compiled {
  readonly dynamic: DynamicState
  readonly leftOut: readonly LeftOut[]
}

export class Runtime {
  readonly #options: RuntimeOptions
  /** By age: what a reload puts on top of new files. */
  readonly #instructions = new Map<string, string>()
  #version: Version | undefined
  #pending: Pending | undefined
  #serving = false

  constructor(options: RuntimeOptions) {
    this.#options = options
  }

  get snapshot(): Snapshot {
    assert(this.#version !== undefined, 'a configuration was loaded')
    return this.#version.snapshot
  }

  /** Folder of `-p`. */
  get prefix(): string {
    assert(this.#version !== undefined, 'a configuration was loaded')
    return this.#version.configuration.files.prefix
  }

  /** Files in force. */
  get files(): ConfigurationFiles {
    assert(this.#version !== undefined, 'a configuration was loaded')
    return this.#version.configuration.files
  }

  /** Files and instructions in force. */
  get dynamic(): DynamicState {
    assert(this.#version !== undefined, 'a configuration was loaded')
    return this.#version.dynamic
  }

  /** Takes the first configuration into use, without listening yet. */
  async load({ files, instructions }: State): Promise<readonly LeftOutNote[]> {
    for (const { key, body } of instructions) this.#instructions.set(key, body)
    const leftOut = await this.prepare({ files, edits: [] })
    this.commit()
    return leftOut
  }

  /**
   * Makes the next version beside the one in force. Throws `Refusal`, `ConfigurationError` or the error of
   * a port, and then nothing has changed.
   */
  async prepare(change: Change): Promise<readonly LeftOutNote[]> {
    assert(this.#pending === undefined, 'one change at a time')
    const { fetchFiles } = this.#options
    const { configuration, attempt } = await withFetchedFiles(fetchFiles, () =>
      this.#attempt(change),
    )
    const { session, snapshot, dynamic } = attempt
    let listening: PreparedListening | undefined
    try {
      await session.prepare()
      if (this.#serving) listening = await this.#options.listening.prepare(snapshot)
    } catch (error) {
      session.abort()
      // A step that failed for what the configuration says has said where.
      throw session.failed ? new ConfigurationError(session.diagnostics) : error
    }
    const version = { configuration, dynamic, snapshot }
    this.#pending = { version, session, listening, change }
    return attempt.leftOut.map(({ instruction, reason }) => ({ key: instruction.key, reason }))
  }

  commit(): void {
    assert(this.#pending !== undefined, 'only what was prepared is committed')
    const { version, session, listening, change } = this.#pending
    this.#pending = undefined
    this.#version = version
    for (const { key, body } of change.edits) {
      this.#instructions.delete(key)
      if (body !== null) this.#instructions.set(key, body)
    }
    session.commit()
    listening?.commit()
  }

  /** Drops what was prepared, if anything was. */
  abort(): void {
    this.#pending?.listening?.abort()
    this.#pending?.session.abort()
    this.#pending = undefined
  }

  /** Opens the ports and begins to serve. */
  async serve(): Promise<void> {
    const listening = await this.#options.listening.prepare(this.snapshot)
    this.#serving = true
    listening.commit()
  }

  async #attempt(
    change: Change,
  ): Promise<{ readonly configuration: Configuration; readonly attempt: Attempt }> {
    const { files, edits } = change
    if (files === undefined) {
      assert(this.#version !== undefined, 'files come first')
      const { configuration, dynamic } = this.#version
      const next = await this.#work(dynamic.editing(edits))
      return { configuration, attempt: await this.#compile(configuration, next, true) }
    }
    const configuration = await this.#configure(files)
    const instructions = this.#instructionsAfter(change)
    return { configuration, attempt: await this.#rebase(configuration, instructions) }
  }

  async #configure(files: ConfigurationFiles): Promise<Configuration> {
    const last = this.#version?.configuration
    const read = await this.#work(readingTexts(files))
    if (read.diagnostics.length > 0) throw new ConfigurationError(read.diagnostics)
    const tree =
      last === undefined
        ? read.tree
        : await this.#work(reconciling(last.tree, read.tree, hasChangedFile))
    return this.#options.configure({ ...read, tree }, last)
  }

  #instructionsAfter({ edits }: Change): Instruction[] {
    const bodies = new Map(this.#instructions)
    for (const { key, body } of edits) {
      bodies.delete(key)
      if (body !== null) bodies.set(key, body)
    }
    return [...bodies].map(([key, body]) => ({ key, body }))
  }

  /** Puts the instructions on new files; those that no longer fit are left out, one by one where need be. */
  async #rebase(
    configuration: Configuration,
    instructions: readonly Instruction[],
  ): Promise<Attempt> {
    const { tree } = configuration
    const { prefix } = configuration.files
    const all = await this.#work(DynamicState.rebasing(tree, instructions, prefix))
    try {
      return { ...(await this.#compile(configuration, all.state)), leftOut: all.leftOut }
    } catch (error) {
      if (!(error instanceof ConfigurationError) || instructions.length === 0) throw error
    }
    // Files that are wrong by themselves are refused; otherwise an instruction is at fault.
    const { state } = DynamicState.rebase(tree, [], prefix)
    const alone = await this.#compile(configuration, state)
    const kept = await this.#sift(configuration, alone, instructions)
    const leftOut = [...all.leftOut, ...kept.leftOut]
    return { ...(await this.#compile(configuration, kept.dynamic)), leftOut }
  }

  /** Adds instruction after instruction, each compiled, and leaves out what cannot be. */
  async #sift(
    configuration: Configuration,
    start: Attempt,
    instructions: readonly Instruction[],
  ): Promise<Attempt> {
    let attempt = start
    const leftOut: LeftOut[] = []
    for (const instruction of byRank(instructions)) {
      try {
        const dynamic = attempt.dynamic.edit([instruction])
        attempt = await this.#compileAfter(configuration, dynamic, attempt.snapshot)
      } catch (error) {
        if (!(error instanceof ConfigurationError || error instanceof Refusal)) throw error
        leftOut.push({ instruction, reason: error.message })
      }
    }
    return { ...attempt, leftOut }
  }

  /** `edits` says that instructions change what runs, and no file was read. */
  #compile(configuration: Configuration, dynamic: DynamicState, edits = false): Promise<Attempt> {
    return this.#compileAfter(configuration, dynamic, this.#version?.snapshot, edits)
  }

  async #compileAfter(
    configuration: Configuration,
    dynamic: DynamicState,
    before: Snapshot | undefined,
    edits = false,
  ): Promise<Attempt> {
    const tree: Directive = dynamic.tree
    const dryRun = this.#options.dryRun ?? false
    const compiled = await this.#work(configuration.compile(tree, { before, dryRun, edits }))
    return { ...compiled, dynamic, leftOut: [] }
  }

  /** Whoever serves goes on serving meanwhile. */
  async #work<T>(work: Stepwise<T>): Promise<T> {
    return this.#serving ? inPieces(work, processLimits.workPieceMs) : toEnd(work)
  }
}
