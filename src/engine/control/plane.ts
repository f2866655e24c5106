/**
 * What the API needs of the engine it controls. The control copilot implements it over its channel to the
 * master; tests implement it in memory.
 */
import type { ZoneReader } from '../upstream/zone-reader.ts'
import type { ZoneMemory, ZoneSegment } from '../core/zone-memory.ts'
import type { Actor } from './actor.ts'
import type { DynamicState } from './dynamic-state.ts'
import type { Edit } from './instruction.ts'
import type { Reply } from './refusal.ts'

export interface ChangeRequest {
  /**
   * Works the edits out; may throw `Refusal`. It is asked again when another change was quicker with the
   * same instructions, so that of two requests at the same time one comes first.
   */
  readonly edits: (state: DynamicState) => readonly Edit[]
  /** The change is stale when the last revision is another one than this. */
  readonly onRevision?: number
  /** Method and path, as the history shows it. */
  readonly action: string
  readonly actor: Actor
  /** True: every process says whether it could, and nothing is done. */
  readonly dryRun: boolean
  readonly timeoutMs: number
}

export interface RollbackRequest {
  /** The revision whose instructions are to be in force again. */
  readonly to: number
  readonly actor: Actor
  readonly dryRun: boolean
  readonly timeoutMs: number
}

/** `timeout` leaves open whether the change will be made: it is then wholly there or wholly not. */
export type ChangeResult =
  | { readonly kind: 'done'; readonly revision: number }
  | { readonly kind: 'refused'; readonly reply: Reply }
  | { readonly kind: 'timeout' }

export interface HistoryEdit {
  readonly key: string
  readonly before: string | null
  readonly after: string | null
}

export interface HistoryEntry {
  readonly revision: number
  /** ISO 8601, UTC. */
  readonly time: string
  /** `POST /api/v1/stream_srv`, `reload`, `rollback to 12`. */
  readonly action: string
  readonly actor: string
  /** From where; `null` of changes that were made before it was kept. */
  readonly peer: string | null
  readonly edits: readonly HistoryEdit[]
}

export interface KeyValues {
  get(key: string): Promise<string | undefined>
  put(key: string, value: string): Promise<void>
  /** False when there was no such key. */
  delete(key: string): Promise<boolean>
}

export interface ProcessNote {
  readonly title: string
  readonly pid: number
  readonly state: 'starting' | 'serving' | 'stopping'
  readonly restarts: number
}

/** What is in force, for comparing it with what somebody knows. */
export interface RunningVersion {
  readonly revision: number
  /** Short hash of the files that the revision is put on. */
  readonly files: string
}

export interface EngineZones extends ZoneMemory {
  /** Of a zone that some worker has opened. */
  find(name: string, bytes: number): ZoneSegment | undefined
}

export interface ControlPlane {
  /** Folder of relative paths, and of the file names that messages show. */
  readonly prefix: string
  /** Files and instructions as last committed. */
  state(): DynamicState
  /** Of the same instant as `state`. */
  version(): RunningVersion
  /** Calls `listener` when the state is another, by a change or a reload. Returns what ends that. */
  onChange(listener: () => void): () => void
  /** Resolves when every worker has applied the change, or when it is known not to be made. */
  change(request: ChangeRequest): Promise<ChangeResult>
  /** One transaction that gives every instruction the body it had; a revision of its own. */
  rollback(request: RollbackRequest): Promise<ChangeResult>
  /** Newest first; entries older than `before` (exclusive) when given. */
  history(options: { readonly limit: number; readonly before?: number }): Promise<{
    readonly revision: number
    readonly entries: readonly HistoryEntry[]
  }>
  readonly keyValues: KeyValues
  /** The zones of upstream groups, as the workers have them. */
  readonly peerZones: Pick<ZoneReader, 'read'>
  /** Memory of the workers' zones. */
  readonly zones: EngineZones
  /** Grows or shrinks the number of workers, from 1 to 512; `undefined` for what the files say. */
  setWorkers(count: number | undefined): Promise<ChangeResult>
  /** Workers and copilots that there are now. */
  processes(): Promise<readonly ProcessNote[]>
}
