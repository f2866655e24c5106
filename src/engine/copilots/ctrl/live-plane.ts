/** The control plane of a running engine: changes go to the master, the state is read from the image. */
import type { DynamicState } from '../../control/dynamic-state.ts'
import { staleAttemptsMax } from '../../control/limits.ts'
import type {
  ChangeRequest,
  ChangeResult,
  ControlPlane,
  EngineZones,
  HistoryEntry,
  KeyValues,
  ProcessNote,
  RollbackRequest,
  RunningVersion,
} from '../../control/plane.ts'
import { replyCodes } from '../../control/refusal.ts'
import { type MemoryHome, SharedZoneMemory } from '../../core/zone-memory.ts'
import { ZoneReader } from '../../upstream/zone-reader.ts'
import type { MasterLink } from '../../process/master-link.ts'
import type { Image } from './image.ts'

export interface LivePlaneOptions {
  readonly prefix: string
  readonly master: MasterLink
  readonly image: Image
  readonly keyValues: KeyValues
}

export class LivePlane implements ControlPlane {
  readonly prefix: string
  readonly keyValues: KeyValues
  readonly zones: EngineZones
  readonly peerZones: ZoneReader
  readonly #options: LivePlaneOptions

  constructor(options: LivePlaneOptions) {
    this.prefix = options.prefix
    this.keyValues = options.keyValues
    const { image } = options
    const home = (): MemoryHome => ({ instance: image.sharedMemory, owner: image.settings.user })
    this.zones = new SharedZoneMemory(home)
    this.peerZones = new ZoneReader(home)
    this.#options = options
  }

  state(): DynamicState {
    return this.#options.image.state
  }

  version(): RunningVersion {
    return this.#options.image.version
  }

  onChange(listener: () => void): () => void {
    return this.#options.image.onChange(listener)
  }

  async change({ timeoutMs, ...request }: ChangeRequest): Promise<ChangeResult> {
    return inTime(this.#change(request), timeoutMs)
  }

  /** The image is up to date by the time a stale change is refused: what was quicker is committed in it. */
  async #change({ edits, ...request }: Omit<ChangeRequest, 'timeoutMs'>): Promise<ChangeResult> {
    for (let attempt = 1; ; attempt++) {
      const state = this.state()
      const result = await this.#options.master.change({
        ...request,
        edits: state.expecting(state.complete(edits(state))),
      })
      if (!isStale(result) || attempt === staleAttemptsMax) return result
    }
  }

  async rollback({ timeoutMs, ...request }: RollbackRequest): Promise<ChangeResult> {
    return inTime(this.#options.master.rollback(request), timeoutMs)
  }

  async history({
    limit,
    before = Number.MAX_SAFE_INTEGER,
  }: {
    readonly limit: number
    readonly before?: number
  }): Promise<{ readonly revision: number; readonly entries: readonly HistoryEntry[] }> {
    const { revision, entries } = await this.#options.master.history(before, limit)
    return { revision, entries }
  }

  setWorkers(count: number | undefined): Promise<ChangeResult> {
    return this.#options.master.setWorkers(count)
  }

  processes(): Promise<readonly ProcessNote[]> {
    return this.#options.master.processes()
  }
}

function isStale(result: ChangeResult): boolean {
  return result.kind === 'refused' && result.reply.code === replyCodes.stale
}

/** The answer, or that there was none in time; the change then goes on by itself. */
async function inTime(result: Promise<ChangeResult>, timeoutMs: number): Promise<ChangeResult> {
  const { promise: late, resolve } = Promise.withResolvers<ChangeResult>()
  const timer = setTimeout(() => resolve({ kind: 'timeout' }), timeoutMs)
  try {
    return await Promise.race([result, late])
  } finally {
    clearTimeout(timer)
  }
}
