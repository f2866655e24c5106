/**
 * The tables of the SQLite store and what is asked of them.
 *
 * ```text
 *   state    one row: the revision, and up to which revision the history was cut
 *   entries  what is there now
 *   changes  what each revision changed (value NULL: deleted), for watchers
 *   leases   when each lease ends
 * ```
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Schema } from './sqlite-database.ts'

export const storeSchema: Schema = {
  applicationId: 0x54_4a_53_31, // TJS1
  version: 1,
  create: `
    CREATE TABLE state (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      revision INTEGER NOT NULL,
      compacted INTEGER NOT NULL
    ) STRICT;
    INSERT INTO state (id, revision, compacted) VALUES (1, 0, 0);

    CREATE TABLE leases (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      ttl_ms INTEGER NOT NULL,
      expires_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX leases_by_end ON leases (expires_at_ms);

    CREATE TABLE entries (
      key TEXT NOT NULL PRIMARY KEY,
      value BLOB NOT NULL,
      revision INTEGER NOT NULL,
      lease INTEGER REFERENCES leases (id)
    ) STRICT;
    CREATE INDEX entries_by_lease ON entries (lease) WHERE lease IS NOT NULL;

    CREATE TABLE changes (
      revision INTEGER NOT NULL,
      position INTEGER NOT NULL,
      key TEXT NOT NULL,
      value BLOB,
      PRIMARY KEY (revision, position)
    ) STRICT;
  `,
}

export interface EntryRow {
  readonly key: string
  readonly value: Uint8Array
  readonly revision: number
}

export interface ChangeRow {
  readonly revision: number
  readonly key: string
  readonly value: Uint8Array | null
}

/** One prepared statement for each thing the store does. */
export class StoreTables {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  state(): { readonly revision: number; readonly compacted: number } {
    return this.#sql('SELECT revision, compacted FROM state').get() as {
      revision: number
      compacted: number
    }
  }

  setRevision(revision: number): void {
    this.#sql('UPDATE state SET revision = ?').run(revision)
  }

  entry(key: string): EntryRow | undefined {
    const found = this.#sql('SELECT key, value, revision FROM entries WHERE key = ?').get(key)
    return found as EntryRow | undefined
  }

  /** Entries with `after` < key ≤ `last` that start at `from`, in order. */
  entries(from: string, after: string, last: string): Iterable<EntryRow> {
    return this.#sql(
      `SELECT key, value, revision FROM entries
       WHERE key >= ? AND key > ? AND key < ? ORDER BY key`,
    ).iterate(from, after, last) as Iterable<unknown> as Iterable<EntryRow>
  }

  putEntry(row: EntryRow, lease: number | undefined): void {
    this.#sql(
      `INSERT INTO entries (key, value, revision, lease) VALUES (?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET
         value = excluded.value, revision = excluded.revision, lease = excluded.lease`,
    ).run(row.key, row.value, row.revision, lease ?? null)
  }

  /** False when there was no such key. */
  deleteEntry(key: string): boolean {
    return this.#sql('DELETE FROM entries WHERE key = ?').run(key).changes === 1
  }

  addChange(row: ChangeRow, position: number): void {
    this.#sql('INSERT INTO changes (revision, position, key, value) VALUES (?, ?, ?, ?)').run(
      row.revision,
      position,
      row.key,
      row.value,
    )
  }

  /** Changes after the revision to keys from `from` up to, but without, `last`. */
  changes(after: number, from: string, last: string): Iterable<ChangeRow> {
    return this.#sql(
      `SELECT revision, key, value FROM changes
       WHERE revision > ? AND key >= ? AND key < ? ORDER BY revision, position`,
    ).iterate(after, from, last) as Iterable<unknown> as Iterable<ChangeRow>
  }

  /** The newest revision that, with all after it, holds more than so many bytes; 0 when none does. */
  revisionBeyondBytes(bytesMax: number): number {
    const found = this.#sql(
      `SELECT coalesce(max(revision), 0) AS revision FROM (
         SELECT revision, sum(length(key) + coalesce(length(value), 0))
           OVER (ORDER BY revision DESC, position DESC) AS bytes
         FROM changes
       ) WHERE bytes > ?`,
    ).get(bytesMax)
    return Number(found?.['revision'])
  }

  cutHistory(upTo: number): void {
    this.#sql('DELETE FROM changes WHERE revision <= ?').run(upTo)
    this.#sql('UPDATE state SET compacted = max(compacted, ?)').run(upTo)
  }

  addLease(ttlMs: number, expiresAtMs: number): number {
    const sql = 'INSERT INTO leases (ttl_ms, expires_at_ms) VALUES (?, ?)'
    return Number(this.#sql(sql).run(ttlMs, expiresAtMs).lastInsertRowid)
  }

  countLeases(): number {
    return Number(this.#sql('SELECT count(*) AS count FROM leases').get()?.['count'])
  }

  hasLease(id: number, nowMs: number): boolean {
    const sql = 'SELECT 1 FROM leases WHERE id = ? AND expires_at_ms > ?'
    return this.#sql(sql).get(id, nowMs) !== undefined
  }

  /** False when the lease has ended. */
  renewLease(id: number, nowMs: number): boolean {
    const sql = 'UPDATE leases SET expires_at_ms = ? + ttl_ms WHERE id = ? AND expires_at_ms > ?'
    return this.#sql(sql).run(nowMs, id, nowMs).changes === 1
  }

  endedLeases(nowMs: number): readonly number[] {
    const sql = 'SELECT id FROM leases WHERE expires_at_ms <= ? ORDER BY id'
    return this.#sql(sql)
      .all(nowMs)
      .map((row) => Number(row['id']))
  }

  keysOfLease(id: number): readonly string[] {
    const sql = 'SELECT key FROM entries WHERE lease = ? ORDER BY key'
    return this.#sql(sql)
      .all(id)
      .map((row) => String(row['key']))
  }

  deleteLease(id: number): void {
    this.#sql('DELETE FROM leases WHERE id = ?').run(id)
  }

  #sql(text: string): StatementSync {
    const known = this.#statements.get(text)
    if (known !== undefined) return known
    const statement = this.#database.prepare(text)
    this.#statements.set(text, statement)
    return statement
  }
}
