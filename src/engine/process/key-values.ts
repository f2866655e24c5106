/** Key values of the installation, as a process reads and writes them: the store that control publishes on the bus. */
import { join } from 'node:path'
import { kvPrefix } from '../bus/topics.ts'
import type { KeyValues } from '../control/plane.ts'
import { entriesAlone, SqliteStore } from '../store/sqlite-store.ts'

/** The file, the same for all processes of an engine; in a folder of its own, because watchers hear of all in it. */
export function keyValuesPath(prefix: string): string {
  return join(prefix, 'data/kv/kv.db')
}

/** All that is stored, where nothing can be written; nobody else may have the file open. */
export function keyValuesAlone(prefix: string): ReadonlyMap<string, string> {
  const entries = entriesAlone(keyValuesPath(prefix), kvPrefix)
  return new Map(
    entries.map(({ key, value }) => [key.slice(kvPrefix.length), Buffer.from(value).toString()]),
  )
}

/** Opens the file when it is first needed. */
export class StoreKeyValues implements KeyValues {
  readonly #path: string
  #store: SqliteStore | undefined

  constructor(prefix: string) {
    this.#path = keyValuesPath(prefix)
  }

  async get(key: string): Promise<string | undefined> {
    const entry = await this.#open().get(`${kvPrefix}${key}`)
    return entry && Buffer.from(entry.value).toString()
  }

  /** Resolves when the value is on the disk. */
  async put(key: string, value: string): Promise<void> {
    await this.#open().commit([{ kind: 'put', key: `${kvPrefix}${key}`, value }])
  }

  async delete(key: string): Promise<boolean> {
    const store = this.#open()
    const before = await store.get(`${kvPrefix}${key}`)
    await store.commit([{ kind: 'delete', key: `${kvPrefix}${key}` }])
    return before !== undefined
  }

  async close(): Promise<void> {
    await this.#store?.close()
    this.#store = undefined
  }

  #open(): SqliteStore {
    return (this.#store ??= new SqliteStore(this.#path))
  }
}
