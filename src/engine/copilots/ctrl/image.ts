/**
 * Control's image of the data plane: the tree that the workers have compiled, as it is in force.
 *
 * The workers are the judges of a change; the image only shows what they said yes to.
 */
import { DynamicState } from '../../control/dynamic-state.ts'
import type { Edit } from '../../control/instruction.ts'
import type { Follower } from '../../process/following.ts'
import type { ChildIdentity, State } from '../../process/messages.ts'
import { placeOf } from '../../process/place.ts'
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

  /** Directives of the data plane's main context. */
  get settings(): Settings {
    return this.#settings!
  }

  /** Name of the engine's shared memory. */
  get sharedMemory(): string {
    return this.#sharedMemory
  }

  load({ files, instructions }: State, { sharedMemory }: ChildIdentity): void {
    const { tree } = readTexts(files)
    this.#settings = readSettings(tree, placeOf(files)).settings
    this.#sharedMemory = sharedMemory
    this.#state = DynamicState.rebase(tree, instructions, files.prefix).state
    this.#listener.onLoad(this.#state)
  }

  apply(edits: readonly Edit[]): void {
    this.#state = this.state.edit(edits)
    this.#listener.onChange(edits, this.#state)
  }

  onCurrent(): void {
    this.#loaded.resolve()
  }
}
