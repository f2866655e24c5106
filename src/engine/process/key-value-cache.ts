/**
 * Key values as a worker reads them while it serves: all of them in memory, kept up to date by the store.
 *
 * ```text
 *   dyn_kv_conf in force ─▶ open the store (still as root) ─▶ read all ─▶ follow its changes
 *   $kv_http_colour      ─▶ one look-up in a map
 * ```
 *
 * On a full disk the store cannot be followed: what it holds is read once, and it is opened when there is room.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { kvPrefix } from '../bus/topics.ts'
import { passwordKeyPrefix } from '../control/endpoints/passwords.ts'
import type { Log } from '../core/log.ts'
import { SqliteStore } from '../store/sqlite-store.ts'
import { type Entry, isUnwritable } from '../store/store.ts'
import { keyValuesAlone, keyValuesPath } from './key-values.ts'

/** Pause after the store could not be followed, or not be opened. */
const retryAfterMs = 500
const openAgainAfterMs = 5_000

export class KeyValueCache {
  readonly #values = new Map<string, string>()
  readonly #closing = new AbortController()
  readonly #log: Log
  #following = false
  #store: SqliteStore | undefined
  #ended: Promise<void> = Promise.resolve()

  constructor(log: Log) {
    this.#log = log
  }

  /** The value of a key, its name in lower case as variables are; names that hold a user's keep theirs. */
  get(name: string): string | undefined {
    return this.#values.get(name)
  }

  /** Opens the store of that prefix and follows it from now on; a second call does nothing. */
  follow(prefix: string): void {
    if (this.#following) return
    this.#following = true
    const path = keyValuesPath(prefix)
    try {
      this.#ended = this.#run(this.#open(path))
    } catch (error) {
      if (!isUnwritable(error)) throw error
      this.#log.write('crit', `key values stay as they are: ${error.message}`)
      for (const [name, value] of keyValuesAlone(prefix)) this.#setExact(name, value)
      this.#ended = this.#followLater(path)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#ended
    await this.#store?.close()
  }

  /** The revision of all that is in memory then. */
  #open(path: string): number {
    const store = new SqliteStore(path)
    try {
      const revision = this.#readAll(store)
      this.#store = store
      return revision
    } catch (error) {
      void store.close()
      throw error
    }
  }

  #readAll(store: SqliteStore): number {
    const entries: Entry[] = []
    let first: number | undefined
    for (let after: string | undefined, more = true; more;) {
      const page = store.rangeSync(kvPrefix, after === undefined ? {} : { after })
      first ??= page.revision
      entries.push(...page.entries)
      after = page.entries.at(-1)?.key
      more = page.more
    }
    // What cannot be read to its end leaves what is known as it is.
    this.#values.clear()
    for (const { key, value } of entries) this.#set(key, value)
    return first ?? 0
  }

  async #followLater(path: string): Promise<void> {
    const { signal } = this.#closing
    for (;;) {
      await delay(openAgainAfterMs, undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      try {
        return await this.#run(this.#open(path))
      } catch (error) {
        if (!isUnwritable(error)) throw error
      }
    }
  }

  async #run(start: number): Promise<void> {
    const store = this.#store!
    const { signal } = this.#closing
    for (let revision = start; !signal.aborted; revision = this.#readAll(store)) {
      try {
        for await (const { changes } of store.watch(kvPrefix, revision, signal)) {
          for (const change of changes) {
            this.#set(change.key, change.kind === 'put' ? change.value : undefined)
          }
        }
      } catch (error) {
        if (signal.aborted) return
        this.#log.write('error', `key values cannot be followed: ${(error as Error).message}`)
        await delay(retryAfterMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  #set(key: string, value: Uint8Array | undefined): void {
    this.#setExact(
      key.slice(kvPrefix.length),
      value === undefined ? undefined : Buffer.from(value).toString(),
    )
  }

  #setExact(exact: string, value: string | undefined): void {
    const name = exact.startsWith(passwordKeyPrefix) ? exact : exact.toLowerCase()
    if (value === undefined) this.#values.delete(name)
    else this.#values.set(name, value)
  }
}
