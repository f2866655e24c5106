/**
 * What must be read back after a restart lives behind this contract: an ordered map of keys to bytes, with
 * one revision counter for all of it, in the manner of etcd.
 *
 * ```text
 *            commit [put a, put b]   commit [delete a]
 *   revision ──────── 7 ─────────────────── 8 ───────────▶
 *   a          absent │ revision 7          │ absent
 *   b          absent │ revision 7          │ revision 7
 *   watch('', 6) gives  {7: put a, put b}     {8: delete a}
 * ```
 *
 * A commit is all or nothing, and is durable when its promise resolves. Every implementation passes the
 * suite in `conformance.ts`.
 */
export interface Entry {
  readonly key: string
  readonly value: Uint8Array
  /** Revision of the commit that wrote this value. */
  readonly revision: number
}

export type LeaseId = number

export interface Put {
  readonly kind: 'put'
  readonly key: string
  /** A string is stored as its UTF-8 bytes. */
  readonly value: Uint8Array | string
  /** The key is deleted when this lease ends. A put without a lease takes the key off its former lease. */
  readonly lease?: LeaseId
}

export interface Delete {
  readonly kind: 'delete'
  readonly key: string
}

export type Change = Put | Delete

/** A condition of a commit: the key's revision, or 0 for a key that must be absent. */
export interface Expectation {
  readonly key: string
  readonly revision: number
}

export interface Conflict {
  readonly key: string
  readonly expected: number
  /** The key's revision, 0 when it is absent. */
  readonly actual: number
}

/** A commit that changed nothing (it deleted absent keys) answers with the revision that stood before. */
export type CommitResult =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly conflicts: readonly Conflict[] }

export interface RangeOptions {
  /** At most `rangeEntriesMax`, which is the default. */
  readonly limit?: number
  /** The last key of the page before; only greater keys are given. */
  readonly after?: string
}

/** Entries in order of their keys' UTF-8 bytes, all as they were at `revision`. */
export interface Page {
  readonly entries: readonly Entry[]
  readonly revision: number
  /** True when the prefix holds more entries than this page. */
  readonly more: boolean
}

export type Applied =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string }

/** What one commit (or the end of a lease) changed under the watched prefix, in the order it was given. */
export interface Transaction {
  readonly revision: number
  readonly changes: readonly Applied[]
}

export interface Store {
  get(key: string): Promise<Entry | undefined>

  range(prefix: string, options?: RangeOptions): Promise<Page>

  /** Applies all changes when every expectation holds, otherwise none. */
  commit(changes: readonly Change[], expectations?: readonly Expectation[]): Promise<CommitResult>

  /**
   * Every transaction after the given revision, each once and in order; ends when the signal aborts or the
   * store is closed. Throws `TRIJET_STORE_COMPACTED` when that part of the history is not kept any more:
   * read the range again and watch from its revision.
   */
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<Transaction>

  close(): Promise<void>
}

/** Keys that go with their owner: what is attached to a lease is deleted when the lease ends. */
export interface Leases {
  grant(ttlMs: number): Promise<LeaseId>

  /** Starts the time to live anew; false when the lease has ended. */
  keepAlive(lease: LeaseId): Promise<boolean>

  /** Ends the lease now, with all that is attached to it. */
  revoke(lease: LeaseId): Promise<void>
}

/** How much history a local store keeps; `storeLimits` has the defaults. */
export interface HistoryLimits {
  readonly historyRevisionsMax?: number
  readonly compactEveryRevisions?: number
}

/** Every way in which a store refuses, beside a commit's conflicts. */
export const storeErrorCodes = {
  TRIJET_STORE_KEY: 'a key is empty, too long, or holds control characters',
  TRIJET_STORE_SIZE: 'a value, a commit or a number of things is above its limit',
  TRIJET_STORE_COMPACTED: 'the history after the asked revision is not kept',
  TRIJET_STORE_LEASE: 'a lease has ended or was never granted',
  TRIJET_STORE_CLOSED: 'the store is closed',
  TRIJET_STORE_BUSY: 'another process keeps the file for itself',
  TRIJET_STORE_FORMAT: 'a file is no store, or of a newer version',
  TRIJET_STORE_IO: 'a file cannot be read or written: its disk is full, fails, or is read-only',
} as const

export type StoreErrorCode = keyof typeof storeErrorCodes

/** True where a file may still be read, although it cannot be opened as it should: on a full disk. */
export function isUnwritable(error: unknown): error is StoreError {
  return error instanceof StoreError && error.code === 'TRIJET_STORE_IO'
}

export class StoreError extends Error {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }
}
