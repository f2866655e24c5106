/**
 * What processes need of the main context, with all that was changed live: number of workers, error log,
 * pid file, connections of a worker.
 *
 * The master takes part in changes with it: what it cannot read, nobody takes into use.
 */
import { blockOf, directives } from '../conf/block.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import type { DynamicState } from '../control/dynamic-state.ts'
import type { Instruction } from '../control/instruction.ts'
import { placeTopic } from '../control/place.ts'
import { ConfigurationError } from './configuration.ts'
import type { Change, ConfigurationFiles } from './messages.ts'
import { placeOf } from './place.ts'
import { readSettings, type Settings } from './settings.ts'
import type { OwnPart } from './transactions.ts'
import { TreeSlice, type TreeSources } from './tree-slice.ts'

export interface LiveSettingsOptions extends TreeSources {
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
    const { treeOf, instructions } = this.#options
    const tree = treeOf(files)
    try {
      this.#version = toVersion(slice.of(tree, instructions(), files.prefix), files)
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error
      // What an earlier version took is no reason not to start.
      this.#version = toVersion(slice.of(tree, [], files.prefix), files)
    }
    return this.#version.settings
  }

  /** Those in force. */
  get settings(): Settings | undefined {
    return this.#version?.settings
  }

  async prepare(change: Change, dryRun: boolean): Promise<void> {
    const state = slice.after(this.#version?.state, change, this.#options)
    if (state === undefined) return
    const version = toVersion(state, change.files ?? this.#version!.files)
    if (!dryRun) this.#next = { version, isEdit: change.files === undefined }
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
}

/** Settings of a tree with the instructions that change them. */
export function settingsWith(
  tree: Directive,
  { files, instructions }: { files: ConfigurationFiles; instructions: readonly Instruction[] },
): Settings {
  return readSettings(slice.of(tree, instructions, files.prefix).tree, placeOf(files)).settings
}

/** True for the key of a place in the main context or in `events`. */
export function isSettingKey(key: string): boolean {
  if (!key.startsWith(placeTopic)) return false
  const [outer] = key.slice(placeTopic.length).split('/')
  return outer !== 'http' && outer !== 'stream'
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

const slice = new TreeSlice({ cut: settingsOnly, has: isSettingKey })
