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

export class Image implements Follower {
  readonly #onChange: (edits: readonly Edit[]) => void
  readonly #loaded = Promise.withResolvers<void>()
  #state: DynamicState | undefined
  #settings: Settings | undefined
  #sharedMemory = ''

  /** `onChange` hears of every change once the image shows it. */
  constructor(onChange: (edits: readonly Edit[]) => void) {
    this.#onChange = onChange
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
  }

  apply(edits: readonly Edit[]): void {
    this.#state = this.state.edit(edits)
    this.#onChange(edits)
  }

  onCurrent(): void {
    this.#loaded.resolve()
  }
}
