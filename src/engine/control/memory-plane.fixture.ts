/**
 * A control plane without processes: changes are applied to a state in memory. It gives tests of endpoints
 * the whole contract, and the document of the interface something to try in a test.
 */
import { ZoneReader } from '../upstream/zone-reader.ts'
import { privateZoneMemory } from '../core/zone-memory.ts'
import { originOf } from './actor.ts'
import { DynamicState } from './dynamic-state.ts'
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
} from './plane.ts'
import type { Directive } from '../conf/tree.ts'
import { Refusal, replyCodes } from './refusal.ts'

export class MemoryPlane implements ControlPlane {
  readonly prefix: string
  readonly keyValues: KeyValues = memoryKeyValues()
  readonly zones: EngineZones = { ...privateZoneMemory(), find: () => undefined }
  /** Of an engine that is not there, unless given: nobody is counted. */
  readonly peerZones: ZoneReader
  #state: DynamicState
  readonly #entries: HistoryEntry[] = []
  readonly #listeners = new Set<() => void>()
  #workers = 1

  constructor(files: Directive, prefix: string, instance = 'none') {
    this.prefix = prefix
    this.peerZones = new ZoneReader(() => ({ instance }))
    this.#state = DynamicState.rebase(files, [], prefix).state
  }

  state(): DynamicState {
    return this.#state
  }

  version(): RunningVersion {
    return { revision: this.#entries.length, files: 'memory' }
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async change(request: ChangeRequest): Promise<ChangeResult> {
    const { edits } = request
    return this.#change({ ...request, edits: (state) => state.complete(edits(state)) })
  }

  async #change({ edits: toEdits, action, actor, dryRun }: ChangeRequest): Promise<ChangeResult> {
    try {
      const edits = toEdits(this.#state)
      const before = this.#state.instructions
      const next = this.#state.edit(edits)
      if (dryRun) return { kind: 'done', revision: this.#entries.length }
      this.#state = next
      const revision = this.#entries.length + 1
      const changes = edits.map(({ key, body }) => {
        return { key, before: before.get(key) ?? null, after: body }
      })
      const time = new Date(0).toISOString()
      this.#entries.push({ revision, time, action, ...originOf(actor), edits: changes })
      for (const listener of this.#listeners) listener()
      return { kind: 'done', revision }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { kind: 'refused', reply: error.reply }
    }
  }

  async rollback({ to, actor, dryRun, timeoutMs }: RollbackRequest): Promise<ChangeResult> {
    const newest = this.#entries.length
    if (to > newest) {
      const msg = `there is no revision ${to}, the last one is ${newest}`
      return { kind: 'refused', reply: { code: replyCodes.failure, msg } }
    }
    const bodies = new Map<string, string | null>()
    for (const { edits } of this.#entries.slice(to).toReversed()) {
      for (const { key, before } of edits) bodies.set(key, before)
    }
    const edits = [...bodies].map(([key, body]) => ({ key, body }))
    return this.#change({
      edits: () => edits,
      action: `rollback to ${to}`,
      actor,
      dryRun,
      timeoutMs,
    })
  }

  async history({ limit, before = Infinity }: { limit: number; before?: number }): Promise<{
    revision: number
    entries: readonly HistoryEntry[]
  }> {
    const older = this.#entries.filter(({ revision }) => revision < before).toReversed()
    return { revision: this.#entries.length, entries: older.slice(0, limit) }
  }

  async setWorkers(count: number | undefined): Promise<ChangeResult> {
    this.#workers = count ?? 1
    return { kind: 'done', revision: this.#entries.length }
  }

  async processes(): Promise<readonly ProcessNote[]> {
    return Array.from({ length: this.#workers }, (_, i) => {
      return { title: 'worker process', pid: 100 + i, state: 'serving', restarts: 0 }
    })
  }
}

function memoryKeyValues(): KeyValues {
  const values = new Map<string, string>()
  return {
    get: async (key) => values.get(key),
    put: async (key, value) => void values.set(key, value),
    delete: async (key) => values.delete(key),
  }
}
