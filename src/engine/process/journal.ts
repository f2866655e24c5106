/**
 * The journal: which instructions are in force, and how it came to that.
 *
 * The master alone writes it, and a change counts from the moment it stands here: every commit is flushed
 * to the disk before a worker hears of it. The file is made when the first change comes, so that an
 * engine that is never changed leaves nothing behind.
 *
 * ```text
 *   instructions   key → body, with the revision that put it there: the state
 *   revisions      number, time, action, actor, peer
 *   changes        revision → keys with body before and after, and when what it ended had come: the way back
 * ```
 */
import { existsSync } from 'node:fs'
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import { type Actor, originOf } from '../control/actor.ts'
import type { Edit, Instruction } from '../control/instruction.ts'
import { isNewcomer } from '../control/instruction-kinds.ts'
import type { HistoryEdit, HistoryEntry } from '../control/plane.ts'
import { openDatabase, readAlone, type Schema, transact } from '../store/sqlite-database.ts'
import { isUnwritable, type StoreError } from '../store/store.ts'
import { processLimits } from './limits.ts'
import { type Birth, type PastChange, wayBack } from './way-back.ts'

const schema: Schema = {
  applicationId: 0x54_4a_4a_31, // TJJ1
  version: 1,
  create: `
    CREATE TABLE instructions (
      key TEXT NOT NULL PRIMARY KEY,
      body TEXT NOT NULL,
      revision INTEGER NOT NULL,
      position INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE revisions (
      revision INTEGER PRIMARY KEY,
      time TEXT NOT NULL,
      action TEXT NOT NULL,
      actor TEXT NOT NULL
    ) STRICT;
    CREATE TABLE changes (
      revision INTEGER NOT NULL REFERENCES revisions (revision) ON DELETE CASCADE,
      position INTEGER NOT NULL,
      key TEXT NOT NULL,
      before TEXT,
      after TEXT,
      PRIMARY KEY (revision, position)
    ) STRICT;
  `,
  laterColumns: [
    { table: 'revisions', column: 'peer', type: 'TEXT' },
    { table: 'changes', column: 'born_revision', type: 'INTEGER' },
    { table: 'changes', column: 'born_position', type: 'INTEGER' },
  ],
}

interface ChangeRow extends HistoryEdit {
  readonly revision: number
  readonly position: number
}

export interface Entry {
  /** ISO 8601, UTC. */
  readonly time: string
  /** `POST /api/v1/stream_srv` */
  readonly action: string
  readonly actor: Actor
  readonly edits: readonly Edit[]
}

/** A revision that history does not reach. */
export class RevisionError extends Error {
  readonly code = 'TRIJET_REVISION'

  constructor(message: string) {
    super(message)
    this.name = 'RevisionError'
  }
}

export class Journal {
  readonly #path: string
  /** By age: a key that is set again keeps its own, unless it stood for nothing. */
  readonly #instructions = new Map<string, string>()
  readonly #statements = new Map<string, StatementSync>()
  #database: DatabaseSync | undefined
  #revision = 0
  #fault: StoreError | undefined

  constructor(path: string) {
    this.#path = path
    if (existsSync(path)) this.#read()
  }

  get revision(): number {
    return this.#revision
  }

  /** Why it could only be read, when it was read last: a change tries again to open it. */
  get fault(): StoreError | undefined {
    return this.#fault
  }

  /** Number of instructions in force. */
  get size(): number {
    return this.#instructions.size
  }

  get(key: string): string | undefined {
    return this.#instructions.get(key)
  }

  /** All instructions by age. */
  instructions(): Instruction[] {
    return [...this.#instructions].map(([key, body]) => ({ key, body }))
  }

  /** Writes the next revision and flushes it. Returns its number. */
  append(entry: Entry): number {
    const { time, action, edits } = entry
    const revision = this.#revision + 1
    transact(this.#open(), () => {
      const { actor, peer } = originOf(entry.actor)
      this.#sql(
        'INSERT INTO revisions (revision, time, action, actor, peer) VALUES (?, ?, ?, ?, ?)',
      ).run(revision, time, action, actor, peer)
      const made = new Map<string, string | null>()
      for (const [position, { key, body }] of edits.entries()) {
        const earlier = made.get(key)
        const before = earlier === undefined ? (this.#instructions.get(key) ?? null) : earlier
        this.#record({ revision, position, key, before, after: body })
        made.set(key, body)
      }
      if (revision % processLimits.historyCutEveryRevisions === 0) this.#cut(revision)
    })
    for (const { key, body } of edits) {
      if (isNewcomer(this.#instructions.get(key))) this.#instructions.delete(key)
      if (body === null) this.#instructions.delete(key)
      else this.#instructions.set(key, body)
    }
    this.#revision = revision
    return revision
  }

  /**
   * What was changed after the given revision, folded to one edit for each key; to two where a key has become
   * younger than it was then.
   */
  editsSince(revision: number): Edit[] {
    if (revision === this.#revision) return []
    const known = new Set<string>()
    const reborn = new Set<string>()
    const keys = new Set<string>()
    for (const { key, before } of this.#changesSince(revision)) {
      if (isNewcomer(before)) {
        // The last time that it came decides its age.
        keys.delete(key)
        if (known.has(key) || before !== null) reborn.add(key)
      }
      known.add(key)
      keys.add(key)
    }
    return [...keys].flatMap((key) => {
      const edit = { key, body: this.#instructions.get(key) ?? null }
      return reborn.has(key) && edit.body !== null ? [{ key, body: null }, edit] : [edit]
    })
  }

  /** What takes the state back to what it was at the given revision. */
  editsBackTo(revision: number): Edit[] {
    return wayBack(this.#changesSince(revision), {
      instructions: this.#instructions,
      birthOf: (key) => this.#birthOf(key)!,
    })
  }

  /** Revisions below `before`, the newest first. */
  history(before: number, limit: number): HistoryEntry[] {
    if (this.#revision === 0) return []
    const rows = this.#sql(
      'SELECT revision, time, action, actor, peer FROM revisions WHERE revision < ? ORDER BY revision DESC LIMIT ?',
    ).all(before, Math.min(limit, processLimits.historyPageMax))
    return rows.map((row) => ({
      revision: Number(row['revision']),
      time: String(row['time']),
      action: String(row['action']),
      actor: String(row['actor']),
      peer: row['peer'] === null ? null : String(row['peer']),
      edits: this.#editsOf(Number(row['revision'])),
    }))
  }

  /** Reads what another process has written since; returns what that changed. */
  reread(): Edit[] {
    const before = this.#revision
    this.close()
    this.#instructions.clear()
    if (existsSync(this.#path)) this.#read()
    return this.editsSince(before)
  }

  close(): void {
    this.#statements.clear()
    this.#database?.close()
    this.#database = undefined
  }

  #read(): void {
    try {
      this.#load(this.#open())
      this.#fault = undefined
    } catch (error) {
      if (!isUnwritable(error)) throw error
      // On a full disk the engine serves what is in force, and takes no changes.
      readAlone(this.#path, schema, (database) => this.#load(database))
      this.#fault = error
    }
  }

  #load(database: DatabaseSync): void {
    const rows = database
      .prepare('SELECT key, body FROM instructions ORDER BY revision, position')
      .all()
    for (const row of rows) this.#instructions.set(String(row['key']), String(row['body']))
    const last = database
      .prepare('SELECT coalesce(max(revision), 0) AS revision FROM revisions')
      .get()
    this.#revision = Number(last!['revision'])
  }

  #open(): DatabaseSync {
    return (this.#database ??= openDatabase(this.#path, schema))
  }

  #record({ revision, position, key, before, after: body }: ChangeRow): void {
    const stays = body !== null && !isNewcomer(before)
    const birth = stays ? undefined : this.#birthOf(key)
    this.#sql(
      `INSERT INTO changes (revision, position, key, before, after, born_revision, born_position)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ).run(revision, position, key, before, body, birth?.revision ?? null, birth?.position ?? null)
    if (stays) {
      this.#sql('UPDATE instructions SET body = ? WHERE key = ?').run(body, key)
      return
    }
    this.#sql('DELETE FROM instructions WHERE key = ?').run(key)
    if (body === null) return
    this.#sql('INSERT INTO instructions (key, body, revision, position) VALUES (?, ?, ?, ?)').run(
      key,
      body,
      revision,
      position,
    )
  }

  #birthOf(key: string): Birth | undefined {
    const row = this.#sql('SELECT revision, position FROM instructions WHERE key = ?').get(key)
    return row && { revision: Number(row['revision']), position: Number(row['position']) }
  }

  #changesSince(revision: number): readonly PastChange[] {
    const oldest = this.#oldest()
    if (revision < 0 || revision > this.#revision || !Number.isInteger(revision)) {
      throw new RevisionError(`there is no revision ${revision}, the last one is ${this.#revision}`)
    }
    if (revision < oldest - 1) {
      throw new RevisionError(`history begins at revision ${oldest - 1}, ${revision} is not kept`)
    }
    if (this.#revision === 0) return []
    const rows = this.#sql(
      `SELECT key, before, born_revision, born_position FROM changes WHERE revision > ?
       ORDER BY revision, position`,
    ).all(revision)
    return rows.map(toPastChange)
  }

  #editsOf(revision: number): readonly HistoryEdit[] {
    return this.#sql(
      'SELECT key, before, after FROM changes WHERE revision = ? ORDER BY position',
    ).all(revision) as unknown as readonly HistoryEdit[]
  }

  /** The first revision whose changes are known; 1 while nothing was cut. */
  #oldest(): number {
    if (this.#revision === 0) return 1
    const found = this.#sql('SELECT coalesce(min(revision), 1) AS oldest FROM revisions').get()
    return Number(found!['oldest'])
  }

  /** Within a transaction. Keeps the newest revisions, up to a number and a size. */
  #cut(revision: number): void {
    const found = this.#sql(
      `SELECT coalesce(max(revision), 0) AS revision FROM (
         SELECT revision, sum(length(coalesce(before, '')) + length(coalesce(after, '')))
           OVER (ORDER BY revision DESC, position DESC) AS bytes
         FROM changes
       ) WHERE bytes > ?`,
    ).get(processLimits.historyBytesMax)
    const byBytes = Number(found!['revision'])
    const upTo = Math.max(byBytes, revision - processLimits.historyRevisionsMax)
    this.#sql('DELETE FROM changes WHERE revision <= ?').run(upTo)
    this.#sql('DELETE FROM revisions WHERE revision <= ?').run(Math.min(upTo, revision - 1))
  }

  #sql(text: string): StatementSync {
    const known = this.#statements.get(text)
    if (known !== undefined) return known
    const statement = this.#open().prepare(text)
    this.#statements.set(text, statement)
    return statement
  }
}

function toPastChange(row: Record<string, SQLOutputValue>): PastChange {
  const { born_revision: revision, born_position: position, before } = row
  return {
    key: String(row['key']),
    before: before === null ? null : String(before),
    birth:
      typeof revision === 'number' && typeof position === 'number'
        ? { revision, position }
        : undefined,
  }
}
