/**
 * Control's image of the data plane: the same tree, compiled the same way, without a socket.
 *
 * It has a vote in every change, so what cannot be compiled is refused even before the workers answer; and
 * the interface reads from it what is in force.
 */
import type { DynamicState } from '../../control/dynamic-state.ts'
import type { Edit } from '../../control/instruction.ts'
import type { DescriptorSource } from '../../net/descriptor-source.ts'
import { DataPlane } from '../../process/data-plane.ts'
import type { Follower } from '../../process/membership.ts'
import type { Change, ChildIdentity, LeftOutNote, State } from '../../process/messages.ts'
import { placeOf } from '../../process/place.ts'
import { readTexts } from '../../process/read-configuration.ts'
import { readSettings, type Settings } from '../../process/settings.ts'

/** The image listens on nothing. */
const noSockets: DescriptorSource = {
  open: () => Promise.reject(new Error('the image of the data plane has no sockets')),
  release: () => {},
}

export class Image implements Follower {
  readonly #onCommit: (edits: readonly Edit[], state: DynamicState) => void
  readonly #loaded = Promise.withResolvers<void>()
  #plane: DataPlane | undefined
  #settings: Settings | undefined
  #sharedMemory = ''
  #pending: Change | undefined

  /** `onCommit` hears of every change after it is in force. */
  constructor(onCommit: (edits: readonly Edit[], state: DynamicState) => void) {
    this.#onCommit = onCommit
  }

  /** Resolves when the state is there for the first time. */
  get loaded(): Promise<void> {
    return this.#loaded.promise
  }

  get state(): DynamicState {
    return this.#plane!.runtime.dynamic
  }

  /** Directives of the data plane's main context. */
  get settings(): Settings {
    return this.#settings!
  }

  /** Name of the engine's shared memory. */
  get sharedMemory(): string {
    return this.#sharedMemory
  }

  async load(state: State, { sharedMemory }: ChildIdentity): Promise<readonly LeftOutNote[]> {
    this.#settings = settingsOf(state.files)
    this.#sharedMemory = sharedMemory
    this.#plane = new DataPlane({
      source: noSockets,
      sharedMemory,
      logRules: this.#settings.logRules,
      owner: this.#settings.user,
      dryRun: true,
    })
    return this.#plane.runtime.load(state)
  }

  async prepare(change: Change): Promise<readonly LeftOutNote[]> {
    const leftOut = await this.#plane!.runtime.prepare(change)
    this.#pending = change
    return leftOut
  }

  commit(): void {
    const { files, edits } = this.#pending!
    this.#pending = undefined
    this.#plane!.runtime.commit()
    if (files !== undefined) this.#settings = settingsOf(files)
    this.#onCommit(edits, this.state)
  }

  abort(): void {
    this.#pending = undefined
    this.#plane?.runtime.abort()
  }

  async serve(): Promise<readonly string[]> {
    this.#loaded.resolve()
    return []
  }

  close(): void {
    this.#plane?.close()
  }
}

function settingsOf(files: State['files']): Settings {
  return readSettings(readTexts(files).tree, placeOf(files)).settings
}
