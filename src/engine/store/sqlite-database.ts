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
  makeFile(path)
  const { busyTimeoutMs, exclusiveTimeoutMs, journalBytesMax } = databaseLimits
  const timeout = schema.exclusive === true ? exclusiveTimeoutMs : busyTimeoutMs
  const database = openFile(path, timeout)
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

/**
 * Reads a file where nothing can be written, not even the index that processes share: no other process may
 * have it open. `undefined` when it has no tables yet.
 */
export function readAlone<T>(
  path: string,
  schema: Schema,
  read: (database: DatabaseSync) => T,
): T | undefined {
  const database = openFile(path, databaseLimits.exclusiveTimeoutMs)
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    if (isNew(database)) return undefined
    checkFormat(database, path, schema)
    return read(database)
  } catch (error) {
    throw toStoreError(error, path)
  } finally {
    database.close()
  }
}

function openFile(path: string, timeout: number): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout })
  } catch (error) {
    throw toStoreError(error, path)
  }
}

function makeFile(path: string): void {
  if (path === ':memory:') return
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
    // SQLite gives the log and the shared index the mode of the main file.
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    // Which names the path.
    throw new StoreError('TRIJET_STORE_IO', (error as Error).message, { cause: error })
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
  try {
    run(database, begin)
    const result = work()
    run(database, 'COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw toStoreError(error, database.location() ?? ':memory:')
  }
}

function prepareTables(database: DatabaseSync, path: string, schema: Schema): void {
  if (isNew(database)) {
    database.exec(`
      PRAGMA application_id = ${schema.applicationId};
      PRAGMA user_version = ${schema.version};
      ${schema.create}
    `)
  } else checkFormat(database, path, schema)
  addColumns(database, schema)
}

function isNew(database: DatabaseSync): boolean {
  const isUnmarked =
    pragma(database, 'application_id') === 0 && pragma(database, 'user_version') === 0
  return isUnmarked && isEmpty(database)
}

function checkFormat(database: DatabaseSync, path: string, schema: Schema): void {
  const application = pragma(database, 'application_id')
  const version = pragma(database, 'user_version')
  if (application !== schema.applicationId) throw notOurs(path)
  if (version !== schema.version) {
    throw new StoreError(
      'TRIJET_STORE_FORMAT',
      `"${path}" has format ${version}, this program reads format ${schema.version}`,
    )
  }
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
  return resultOf(error) === results.busy
}

/** SQLite's primary result code, which is the lowest byte of the extended one. */
function resultOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

const results = { busy: 5, readOnly: 8, io: 10, corrupt: 11, full: 13, cannotOpen: 14, notOurs: 26 }

/** What the world did to a file, in words that name it; anything else is a fault of the program. */
function toStoreError(error: unknown, path: string): unknown {
  const cause = { cause: error }
  switch (resultOf(error)) {
    case results.notOurs:
      return notOurs(path, error)
    case results.busy:
      return new StoreError('TRIJET_STORE_BUSY', `"${path}" is in use by another process`, cause)
    case results.readOnly:
    case results.io:
    case results.corrupt:
    case results.full:
    case results.cannotOpen:
      return new StoreError('TRIJET_STORE_IO', `"${path}": ${(error as Error).message}`, cause)
    default:
      return error
  }
}

function notOurs(path: string, cause?: unknown): StoreError {
  return new StoreError(
    'TRIJET_STORE_FORMAT',
    `"${path}" is not a database of this program; move it away`,
    { cause },
  )
}
