/**
 * What the copilot exports for: the configuration in force, as far as telemetry is concerned, and where
 * the workers leave their records.
 */
import { resolve } from 'node:path'
import { findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import { DynamicState } from '../../control/dynamic-state.ts'
import type { Edit } from '../../control/instruction.ts'
import { openShared } from '../../core/shared-memory.ts'
import type { RecordRings } from '../../core/record-rings.ts'
import { openSpanRings } from '../../http/telemetry/span-sink.ts'
import type { Follower } from '../../process/following.ts'
import type { ChildIdentity, State } from '../../process/messages.ts'
import { placeOf } from '../../process/place.ts'
import { readTexts } from '../../process/read-configuration.ts'
import { readSettings } from '../../process/settings.ts'

export class Subject implements Follower {
  readonly #onChange: () => void
  readonly #loaded = Promise.withResolvers<void>()
  #state: DynamicState | undefined
  #confPrefix = ''
  #rings: RecordRings | undefined

  /** `onChange` hears of new files, and of changes of the directive: then workers have read its file anew. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** Resolves when the configuration is known for the first time. */
  get loaded(): Promise<void> {
    return this.#loaded.promise
  }

  /** The file that `opentelemetry_config` names; `undefined` where nothing is traced. */
  get settingsFile(): string | undefined {
    const name = this.#directive?.args[0]
    return name === undefined ? undefined : resolve(this.#confPrefix, name)
  }

  get rings(): RecordRings {
    return this.#rings!
  }

  load({ files, instructions }: State, { sharedMemory: instance }: ChildIdentity): void {
    const { tree } = readTexts(files)
    const place = placeOf(files)
    this.#confPrefix = place.confPrefix
    this.#state = DynamicState.rebase(tree, instructions, files.prefix).state
    const { user: owner } = readSettings(tree, place).settings
    this.#rings ??= openSpanRings(
      (name, bytes) => openShared({ instance, name, bytes, owner }).buffer,
    )
    this.#onChange()
  }

  apply(edits: readonly Edit[]): void {
    const before = this.#directive
    this.#state = this.#state!.edit(edits)
    if (this.#directive !== before) this.#onChange()
  }

  onCurrent(): void {
    this.#loaded.resolve()
  }

  get #directive(): Directive | undefined {
    const http = findDirective(this.#state?.tree.block, 'http')
    return findDirective(http?.block, 'opentelemetry_config')
  }
}
