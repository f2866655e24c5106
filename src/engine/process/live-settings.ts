/**
 * What processes need of the main context, with all that was changed live: number of workers, error log,
 * pid file, connections of a worker.
 *
 * Only the main context's own directives and `events` are looked at, so that a change of anything else costs
 * nothing here. The master takes part in changes with it: what it cannot read, nobody takes into use.
 */
import { blockOf, directives } from '../conf/block.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import { DynamicState } from '../control/dynamic-state.ts'
import type { Edit, Instruction } from '../control/instruction.ts'
import { placeTopic } from '../control/place.ts'
import { ConfigurationError } from './configuration.ts'
import type { Change, ConfigurationFiles } from './messages.ts'
import { placeOf } from './place.ts'
import { readSettings, type Settings } from './settings.ts'
import type { OwnPart } from './transactions.ts'

export interface LiveSettingsOptions {
  /** The tree of files that are in force, or that a change brings. */
  readonly treeOf: (files: ConfigurationFiles) => Directive
  readonly instructions: () => readonly Instruction[]
  /** Hears of settings that were changed live; those of new files are taken into use with these. */
  readonly onChange: (settings: Settings) => void
}

interface Version {
  readonly state: DynamicState
  readonly settings: Settings
  readonly files: ConfigurationFiles
}

export class LiveSettings implements OwnPart {
  readonly #options: LiveSettingsOptions
  #version: Version | undefined
  #next: { readonly version: Version; readonly isEdit: boolean } | undefined

  constructor(options: LiveSettingsOptions) {
    this.#options = options
  }

  /** Those of the files at the start, with what the journal has put on them. */
  start(files: ConfigurationFiles): Settings {
    try {
      this.#version = this.#versionOf(files, this.#options.instructions())
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error
      // What an earlier version took is no reason not to start.
      this.#version = this.#versionOf(files, [])
    }
    return this.#version.settings
  }

  /** Those in force. */
  get settings(): Settings | undefined {
    return this.#version?.settings
  }

  async prepare({ files, edits }: Change, dryRun: boolean): Promise<void> {
    const own = edits.filter(({ key }) => isSettingKey(key))
    if (files === undefined && (own.length === 0 || this.#version === undefined)) return
    const version =
      files === undefined ? this.#edited(own) : this.#versionOf(files, this.#options.instructions())
    if (!dryRun) this.#next = { version, isEdit: files === undefined }
  }

  async commit(): Promise<void> {
    if (this.#next === undefined) return
    const { version, isEdit } = this.#next
    this.#next = undefined
    this.#version = version
    if (isEdit) this.#options.onChange(version.settings)
  }

  async abort(): Promise<void> {
    this.#next = undefined
  }

  #edited(edits: readonly Edit[]): Version {
    const { state, files } = this.#version!
    return toVersion(state.edit(edits), files)
  }

  #versionOf(files: ConfigurationFiles, instructions: readonly Instruction[]): Version {
    const tree = this.#options.treeOf(files)
    return toVersion(stateOf(tree, instructions, files.prefix), files)
  }
}

/** Settings of a tree with the instructions that change them. */
export function settingsWith(
  tree: Directive,
  { files, instructions }: { files: ConfigurationFiles; instructions: readonly Instruction[] },
): Settings {
  return readSettings(stateOf(tree, instructions, files.prefix).tree, placeOf(files)).settings
}

/** True for the key of a place in the main context or in `events`. */
export function isSettingKey(key: string): boolean {
  if (!key.startsWith(placeTopic)) return false
  const [outer] = key.slice(placeTopic.length).split('/')
  return outer !== 'http' && outer !== 'stream'
}

function stateOf(
  tree: Directive,
  instructions: readonly Instruction[],
  prefix: string,
): DynamicState {
  const own = instructions.filter(({ key }) => isSettingKey(key))
  return DynamicState.rebase(settingsOnly(tree), own, prefix).state
}

function toVersion(state: DynamicState, files: ConfigurationFiles): Version {
  const { settings, diagnostics } = readSettings(state.tree, placeOf(files))
  const isFatal = diagnostics.some(({ severity }) => severity === 'emerg')
  if (isFatal) throw new ConfigurationError(diagnostics)
  return { state, settings, files }
}

function settingsOnly(tree: Directive): Directive {
  const own = [...directives(tree.block!)].filter(
    ({ name }) => name !== 'http' && name !== 'stream',
  )
  return withBlock(tree, blockOf(own))
}
