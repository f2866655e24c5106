/**
 * The store in one SQLite file, shared by the processes of one machine.
 *
 * Beside the contract it offers `getSync`, `rangeSync` and `commitSync`, for the master: its journal must
 * be on disk before it goes on, and it has nothing else to do meanwhile. A commit costs one flush of the
 * disk (0.3 ms where it was measured), and waits for no more than another process's commit.
 *
 * Changes of this process wake its watchers at once, those of another process some milliseconds later
 * (`commit-watch.ts`). Whichever process notices first that a lease has run out ends it.
 */
import type { DatabaseSync } from 'node:sqlite'
import { checkCommit, checkKey, checkPrefix, checkTtl, pageLimit, toBytes } from './checks.ts'
import { CommitWatch } from './commit-watch.ts'
import { Alarm, checkHistory, checkWatchers, follow, type Stretch } from './follow.ts'
import { storeLimits } from './limits.ts'
import { openDatabase, readAlone, readTogether, transact } from './sqlite-database.ts'
import { storeSchema, StoreTables } from './sqlite-tables.ts'
import {
  StoreError,
  type Applied,
  type Change,
  type CommitResult,
  type Entry,
  type Expectation,
  type HistoryLimits,
  type LeaseId,
  type Leases,
  type Page,
  type RangeOptions,
  type Store,
  type Transaction,
} from './store.ts'

/** The entries of a file that `SqliteStore` cannot open, because nothing can be written; see `readAlone`. */
export function entriesAlone(path: string, prefix: string): readonly Entry[] {
  checkPrefix(prefix)
  const read = (database: DatabaseSync): readonly Entry[] => [
    ...new StoreTables(database).entries(prefix, '', prefixEnd(prefix)),
  ]
  return readAlone(path, storeSchema, read) ?? []
}

export class SqliteStore implements Store, Leases {
  readonly #database: DatabaseSync
  readonly #tables: StoreTables
  readonly #alarm = new Alarm()
  readonly #closing = new AbortController()
  readonly #limits: Required<HistoryLimits>
  readonly #now: () => number
  readonly #commitWatch: CommitWatch
  /** The last revision the watchers were woken for. */
  #seen: number
  #watchers = 0

  /** `now` is in milliseconds since 1970, the same for all processes that share the file. */
  constructor(path: string, limits: HistoryLimits = {}, now: () => number = Date.now) {
    this.#now = now
    this.#limits = { ...storeLimits, ...limits }
    this.#database = openDatabase(path, storeSchema)
    this.#tables = new StoreTables(this.#database)
    try {
      this.#seen = this.#tables.state().revision
      this.#endLeases()
    } catch (error) {
      this.#database.close()
      throw error
    }
    this.#commitWatch = new CommitWatch(path, () => this.#onMaybeChanged())
  }

  getSync(key: string): Entry | undefined {
    this.#checkOpen()
    checkKey(key)
    return this.#tables.entry(key)
  }

  rangeSync(prefix: string, options: RangeOptions = {}): Page {
    this.#checkOpen()
    checkPrefix(prefix)
    const limit = pageLimit(options.limit)
    return readTogether(this.#database, () => {
      const { revision } = this.#tables.state()
      const rows = this.#tables.entries(prefix, options.after ?? '', prefixEnd(prefix))
      return { revision, ...firstPage(rows, limit) }
    })
  }

  commitSync(changes: readonly Change[], expectations: readonly Expectation[] = []): CommitResult {
    this.#checkOpen()
    checkCommit(changes, expectations)
    const result = transact(this.#database, (): CommitResult => {
      const conflicts = this.#conflicts(expectations)
      if (conflicts.length > 0) return { ok: false, conflicts }
      return { ok: true, revision: this.#apply(changes) }
    })
    this.#look()
    return result
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.getSync(key)
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<Page> {
    return this.rangeSync(prefix, options)
  }

  async commit(
    changes: readonly Change[],
    expectations: readonly Expectation[] = [],
  ): Promise<CommitResult> {
    return this.commitSync(changes, expectations)
  }

  async *watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<Transaction> {
    this.#checkOpen()
    checkPrefix(prefix)
    checkWatchers(this.#watchers)
    this.#watchers++
    try {
      yield* follow((from) => this.#read(prefix, from), after, {
        alarm: this.#alarm,
        signal: AbortSignal.any([signal, this.#closing.signal]),
      })
    } finally {
      this.#watchers--
    }
  }

  async grant(ttlMs: number): Promise<LeaseId> {
    this.#checkOpen()
    checkTtl(ttlMs)
    return transact(this.#database, () => {
      const count = this.#tables.countLeases()
      if (count >= storeLimits.leasesMax) {
        throw new StoreError('TRIJET_STORE_SIZE', `there are ${count} leases already`)
      }
      return this.#tables.addLease(ttlMs, this.#now() + ttlMs)
    })
  }

  /**
   * Not flushed: when the machine loses power, so does the owner of the lease, and the next start ends
   * what was not renewed. Heartbeats of thousands of owners cost no disk this way.
   */
  async keepAlive(lease: LeaseId): Promise<boolean> {
    this.#checkOpen()
    this.#database.exec('PRAGMA synchronous = NORMAL')
    try {
      return this.#tables.renewLease(lease, this.#now())
    } finally {
      this.#database.exec('PRAGMA synchronous = FULL')
    }
  }

  async revoke(lease: LeaseId): Promise<void> {
    this.#checkOpen()
    transact(this.#database, () => this.#endLease(lease))
    this.#look()
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#commitWatch.close()
    this.#closing.abort()
    this.#database.close()
  }

  #conflicts(
    expectations: readonly Expectation[],
  ): Extract<CommitResult, { ok: false }>['conflicts'] {
    return expectations
      .map(({ key, revision }) => ({
        key,
        expected: revision,
        actual: this.#tables.entry(key)?.revision ?? 0,
      }))
      .filter(({ expected, actual }) => expected !== actual)
  }

  /** Within a transaction; returns the revision that holds afterwards. */
  #apply(changes: readonly Change[]): number {
    const before = this.#tables.state().revision
    const revision = before + 1
    const applied = changes.filter((change, position) => this.#applyOne(change, revision, position))
    if (applied.length === 0) return before
    this.#tables.setRevision(revision)
    if (revision % this.#limits.compactEveryRevisions === 0) this.#compact(revision)
    return revision
  }

  /** False when there was nothing to delete. */
  #applyOne(change: Change, revision: number, position: number): boolean {
    const { key } = change
    if (change.kind === 'delete') {
      if (!this.#tables.deleteEntry(key)) return false
      this.#tables.addChange({ revision, key, value: null }, position)
      return true
    }
    if (change.lease !== undefined && !this.#tables.hasLease(change.lease, this.#now())) {
      throw new StoreError('TRIJET_STORE_LEASE', `lease ${change.lease} has ended`)
    }
    const value = toBytes(change.value)
    this.#tables.putEntry({ key, value, revision }, change.lease)
    this.#tables.addChange({ revision, key, value }, position)
    return true
  }

  #compact(revision: number): void {
    const byCount = revision - this.#limits.historyRevisionsMax
    const byBytes = this.#tables.revisionBeyondBytes(storeLimits.historyBytesMax)
    const upTo = Math.max(byCount, byBytes)
    if (upTo > 0) this.#tables.cutHistory(upTo)
  }

  #read(prefix: string, after: number): Stretch {
    return readTogether(this.#database, () => {
      const { revision, compacted } = this.#tables.state()
      checkHistory(after, compacted, revision)
      const transactions: { revision: number; changes: Applied[] }[] = []
      let bytes = 0
      for (const row of this.#tables.changes(after, prefix, prefixEnd(prefix))) {
        let last = transactions.at(-1)
        if (last?.revision !== row.revision) {
          const full = transactions.length >= storeLimits.rangeEntriesMax
          if (last !== undefined && (full || bytes > storeLimits.pageBytesMax)) {
            return { transactions, upTo: last.revision, atEnd: false }
          }
          transactions.push((last = { revision: row.revision, changes: [] }))
        }
        bytes += row.value?.byteLength ?? 0
        last.changes.push(toApplied(row.key, row.value))
      }
      return { transactions, upTo: revision, atEnd: true }
    })
  }

  /** A failing disk is not reported from here: the next call that somebody waits for will say it. */
  #onMaybeChanged(): void {
    try {
      this.#endLeases()
      this.#look()
    } catch {
      // Tried again at the next tick.
    }
  }

  /** Wakes the watchers when there is something new for them, whoever wrote it. */
  #look(): void {
    if (this.#closing.signal.aborted) return
    const { revision } = this.#tables.state()
    if (revision === this.#seen) return
    this.#seen = revision
    this.#alarm.ring()
  }

  #endLeases(): void {
    const ended = this.#tables.endedLeases(this.#now())
    if (ended.length === 0) return
    // Asked again under the lock: another process may have ended or renewed them.
    transact(this.#database, () => {
      for (const id of this.#tables.endedLeases(this.#now())) this.#endLease(id)
    })
  }

  /** Within a transaction. */
  #endLease(id: LeaseId): void {
    const keys = this.#tables.keysOfLease(id)
    this.#apply(keys.map((key) => ({ kind: 'delete', key })))
    this.#tables.deleteLease(id)
  }

  #checkOpen(): void {
    if (!this.#closing.signal.aborted) return
    throw new StoreError('TRIJET_STORE_CLOSED', 'the store is closed')
  }
}

/** Sorts after every key with this prefix; `checks.ts` keeps that character out of keys. */
function prefixEnd(prefix: string): string {
  return `${prefix}\u{10FFFF}`
}

function firstPage(rows: Iterable<Entry>, limit: number): Pick<Page, 'entries' | 'more'> {
  const entries: Entry[] = []
  let bytes = 0
  for (const row of rows) {
    bytes += row.value.byteLength
    const full = entries.length === limit || bytes > storeLimits.pageBytesMax
    if (full && entries.length > 0) return { entries, more: true }
    entries.push({ key: row.key, value: row.value, revision: row.revision })
  }
  return { entries, more: false }
}

function toApplied(key: string, value: Uint8Array | null): Applied {
  return value === null ? { kind: 'delete', key } : { kind: 'put', key, value }
}
