/**
 * How this project opens an SQLite file: write-ahead log, every commit flushed, readable by its owner only,
 * shared with other processes, and refused when it is something else.
 */
import { randomInt } from 'node:crypto'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { StoreError } from './store.ts'

export const databaseLimits = {
  /** How long a writer waits for another process's transaction, which takes milliseconds. */
  busyTimeoutMs: 10_000,
  /** The same for a file that another process keeps for itself: it may just be ending. */
  exclusiveTimeoutMs: 2_000,
  /** Switching a new file to WAL does not wait for others, whatever the time-out says. */
  openRetryMsMax: 20,
  /** The log file is cut back to this size after a checkpoint. */
  journalBytesMax: 16_777_216,
} as const

export interface Schema {
  /** Marks files of this kind (SQLite's `application_id`), so that no other file is written into. */
  readonly applicationId: number
  /** Grows with every change of the tables; a file of a higher version is refused. */
  readonly version: number
  /** Makes the tables of this version in an empty file. */
  readonly create: string
  /**
   * Columns that came later and may be NULL. Files are given those that they lack; the version stays, for
   * older programs work on with such a file: one may still run beside this one.
   */
  readonly laterColumns?: readonly LaterColumn[]
  /** Keeps every other process out for as long as the file is open. */
  readonly exclusive?: boolean
}

export interface LaterColumn {
  readonly table: string
  readonly column: string
  readonly type: string
}

/** Opens or makes the file, with its folder; `:memory:` makes a database that ends with the process. */
export function openDatabase(path: string, schema: Schema): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
  // SQLite gives the log and the shared index the mode of the main file.
  if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600))
  const { busyTimeoutMs, exclusiveTimeoutMs, journalBytesMax } = databaseLimits
  const timeout = schema.exclusive === true ? exclusiveTimeoutMs : busyTimeoutMs
  const database = new DatabaseSync(path, { timeout })
  try {
    if (schema.exclusive === true) database.exec('PRAGMA locking_mode = EXCLUSIVE')
    persistently(timeout, () => database.exec('PRAGMA journal_mode = WAL'))
    database.exec(`
      PRAGMA synchronous = FULL;
      PRAGMA journal_size_limit = ${journalBytesMax};
    `)
    transact(database, () => prepareTables(database, path, schema))
    return database
  } catch (error) {
    database.close()
    throw toStoreError(error, path)
  }
}

/** Runs the work in one transaction that takes the write lock at once, so that it never has to upgrade. */
export function transact<T>(database: DatabaseSync, work: () => T): T {
  return within(database, 'BEGIN IMMEDIATE', work)
}

/** Several reads that see the same state. */
export function readTogether<T>(database: DatabaseSync, work: () => T): T {
  return within(database, 'BEGIN DEFERRED', work)
}

/** Statements that begin and end transactions, which are read once. */
const statements = new WeakMap<DatabaseSync, Map<string, StatementSync>>()

function run(database: DatabaseSync, text: string): void {
  statements
    .getOrInsertComputed(database, () => new Map())
    .getOrInsertComputed(text, () => database.prepare(text))
    .run()
}

function within<T>(database: DatabaseSync, begin: string, work: () => T): T {
  run(database, begin)
  try {
    const result = work()
    run(database, 'COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function prepareTables(database: DatabaseSync, path: string, schema: Schema): void {
  const application = pragma(database, 'application_id')
  const version = pragma(database, 'user_version')
  if (application === 0 && version === 0 && isEmpty(database)) {
    database.exec(`
      PRAGMA application_id = ${schema.applicationId};
      PRAGMA user_version = ${schema.version};
      ${schema.create}
    `)
    addColumns(database, schema)
    return
  }
  if (application !== schema.applicationId) throw notOurs(path)
  if (version !== schema.version) {
    throw new StoreError(
      'TRIJET_STORE_FORMAT',
      `"${path}" has format ${version}, this program reads format ${schema.version}`,
    )
  }
  addColumns(database, schema)
}

function addColumns(database: DatabaseSync, { laterColumns = [] }: Schema): void {
  const find = 'SELECT 1 FROM pragma_table_info(?) WHERE name = ?'
  for (const { table, column, type } of laterColumns) {
    if (database.prepare(find).get(table, column) !== undefined) continue
    database.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`)
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined
}

/** Tries again for a while when another process is making the same file. */
function persistently(timeoutMs: number, work: () => void): void {
  const giveUpAt = performance.now() + timeoutMs
  for (;;) {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error) || performance.now() >= giveUpAt) throw error
      pause(randomInt(1, databaseLimits.openRetryMsMax))
    }
  }
}

function isBusy(error: unknown): boolean {
  return hasResult(error, 5)
}

/** SQLite's primary result code is the lowest byte of the extended one. */
function hasResult(error: unknown, code: number): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === code
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function toStoreError(error: unknown, path: string): unknown {
  const notADatabase = 26
  if (hasResult(error, notADatabase)) return notOurs(path, error)
  if (!isBusy(error)) return error
  const message = `"${path}" is in use by another process`
  return new StoreError('TRIJET_STORE_BUSY', message, { cause: error })
}

function notOurs(path: string, cause?: unknown): StoreError {
  return new StoreError(
    'TRIJET_STORE_FORMAT',
    `"${path}" is not a database of this program; move it away`,
    { cause },
  )
}
