/**
 * Control's image of the data plane: the tree that the workers have compiled, as it is in force.
 *
 * The workers are the judges of a change; the image only shows what they said yes to.
 */
import { hash } from 'node:crypto'
import { DynamicState } from '../../control/dynamic-state.ts'
import type { Edit } from '../../control/instruction.ts'
import type { RunningVersion } from '../../control/plane.ts'
import type { Follower } from '../../process/following.ts'
import type { ChildIdentity, ConfigurationFiles, State } from '../../process/messages.ts'
import { placeOf } from '../../process/place.ts'
import { ReadAhead } from '../../process/read-ahead.ts'
import { readTexts } from '../../process/read-configuration.ts'
import { readSettings, type Settings } from '../../process/settings.ts'

/** Hears of what the image shows, once it does. */
export interface ImageListener {
  /** The first state, or the one after a reload. */
  onLoad(state: DynamicState): void
  onChange(edits: readonly Edit[], state: DynamicState): void
}

export class Image implements Follower {
  readonly #listener: ImageListener
  readonly #loaded = Promise.withResolvers<void>()
  #state: DynamicState | undefined
  #settings: Settings | undefined
  #sharedMemory = ''
  #version: RunningVersion = { revision: 0, files: '' }
  readonly #followers = new Set<() => void>()
  readonly #readAhead = new ReadAhead()

  constructor(listener: ImageListener) {
    this.#listener = listener
  }

  /** Resolves when the state is there for the first time. */
  get loaded(): Promise<void> {
    return this.#loaded.promise
  }

  get state(): DynamicState {
    return this.#state!
  }

  get version(): RunningVersion {
    return this.#version
  }

  /** Calls `follower` after every change and reload, until what is returned is called. */
  onChange(follower: () => void): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }

  /** Directives of the data plane's main context. */
  get settings(): Settings {
    return this.#settings!
  }

  /** Name of the engine's shared memory. */
  get sharedMemory(): string {
    return this.#sharedMemory
  }

  load({ files, instructions, revision }: State, { sharedMemory }: ChildIdentity): void {
    const { tree } = readTexts(files)
    this.#settings = readSettings(tree, placeOf(files)).settings
    this.#sharedMemory = sharedMemory
    this.#state = DynamicState.rebase(tree, instructions, files.prefix).state
    this.#version = { revision, files: fingerprint(files) }
    this.#readAhead.begin(this.#state)
    this.#listener.onLoad(this.#state)
    for (const follower of this.#followers) follower()
  }

  apply(edits: readonly Edit[], revision: number): void {
    this.#state = this.state.edit(edits)
    this.#version = { ...this.#version, revision }
    this.#listener.onChange(edits, this.#state)
    for (const follower of this.#followers) follower()
  }

  onCurrent(): void {
    this.#loaded.resolve()
  }
}

/** The same for the same texts, in every process and after every restart. */
function fingerprint({ texts, globals }: ConfigurationFiles): string {
  return hash('sha256', JSON.stringify([globals, texts]), 'base64url').slice(0, fingerprintChars)
}

const fingerprintChars = 12
