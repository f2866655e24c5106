/**
 * The key/value store of the installation: kept in the store, told to everybody by the bus.
 *
 * ```text
 *   put ─▶ store ─▶ watch ─▶ publish /dyn/kv_http_NAME, retained ─▶ put resolves
 *   delete   …        …      publish it empty
 * ```
 *
 * The store is the truth and is written first. What is published follows the store's own order of changes,
 * whichever process made them; one process of the installation (control) publishes. After a start the
 * retained messages are made to agree with the store.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../core/log.ts'
import type { Applied, Change, Entry, Store, Transaction } from '../store/store.ts'
import type { BusClient } from './client.ts'
import type { Message } from './connection.ts'
import { BusError } from './errors.ts'
import { topicFault } from './topic-filter.ts'
import { kvPrefix, kvTopic } from './topics.ts'

export const kvLimits = {
  /** Pause after a failure of store or bus before it starts from the whole range again. */
  restartAfterMs: 500,
  closeTimeoutMs: 2_000,
} as const

export interface KvOptions {
  readonly store: Store
  readonly bus: BusClient
  readonly log: Log
  /** Keys, without their prefix, that only those may read who read the store. */
  readonly isSecret?: (name: string) => boolean
}

export class Kv {
  readonly #options: KvOptions
  readonly #closing = new AbortController()
  readonly #published = new RevisionGate()
  readonly #running: Promise<void>
  /** From one publication of the whole range to the next. */
  #round = new AbortController()

  /** Begins to publish at once. */
  constructor(options: KvOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  async get(name: string): Promise<Entry | undefined> {
    return this.#options.store.get(toKey(name))
  }

  /** Resolves when the value is durable and the broker has it. */
  async put(name: string, value: string | Uint8Array): Promise<void> {
    await this.#commit({ kind: 'put', key: toKey(name), value })
  }

  /** False when there was no such key. */
  async delete(name: string): Promise<boolean> {
    const key = toKey(name)
    if ((await this.#options.store.get(key)) === undefined) return false
    await this.#commit({ kind: 'delete', key })
    return true
  }

  /** Publishes everything anew: to be called when the broker may have lost what it retained. */
  republish(): void {
    this.#round.abort()
  }

  /** What is stored stays stored; what was not published yet is published after the next start. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#published.fail(new BusError('TRIJET_BUS_CLOSED', 'the key/value store is closed'))
    // A publication waits for the broker, which may be away for ever.
    await Promise.race([this.#running, delay(kvLimits.closeTimeoutMs, undefined, { ref: false })])
  }

  async #commit(change: Change): Promise<void> {
    this.#closing.signal.throwIfAborted()
    const result = await this.#options.store.commit([change])
    assert(result.ok, 'a commit without expectations has no conflicts')
    await this.#published.reached(result.revision)
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    const { bus, log } = this.#options
    bus
      .subscribe({ filter: '/dyn/#', onMessage: (message) => this.#eraseStale(message) })
      .catch((error: Error) => log.write('error', `kv: ${error.message}`))
    while (!signal.aborted) {
      const round = (this.#round = new AbortController())
      try {
        await this.#follow(await this.#publishAll(), AbortSignal.any([signal, round.signal]))
      } catch (error) {
        if (signal.aborted) return
        if (round.signal.aborted) continue
        log.write('error', `kv: ${(error as Error).message}`)
        await delay(kvLimits.restartAfterMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  /** Brings what is retained up to the store; costs the broker nothing where it agrees already. */
  async #publishAll(): Promise<number> {
    const { store } = this.#options
    let first: number | undefined
    for (let after: string | undefined, more = true; more;) {
      const page = await store.range(kvPrefix, after === undefined ? {} : { after })
      first ??= page.revision
      await Promise.all(page.entries.map((entry) => this.#publish({ kind: 'put', ...entry })))
      after = page.entries.at(-1)?.key
      more = page.more
    }
    // What changed while the pages were read comes again with the watch, from the first page on.
    return first ?? 0
  }

  async #follow(revision: number, signal: AbortSignal): Promise<void> {
    const { store } = this.#options
    this.#published.pass(revision)
    for await (const transaction of store.watch(kvPrefix, revision, signal)) {
      await this.#publishTransaction(transaction)
    }
  }

  async #publishTransaction({ revision, changes }: Transaction): Promise<void> {
    await Promise.all(changes.map((change) => this.#publish(change)))
    this.#published.pass(revision)
  }

  async #publish(change: Applied): Promise<void> {
    const { bus, log, isSecret } = this.#options
    if (isSecret?.(change.key.slice(kvPrefix.length)) === true) return
    const topic = `/dyn/${change.key}`
    const fault = topicFault(topic)
    if (fault !== undefined) {
      // Whoever wrote it to the store went past `put`; the other keys must not wait for it.
      log.write('error', `kv: "${change.key}" is not published: ${fault}`)
      return
    }
    const value = change.kind === 'put' ? change.value : ''
    await bus.publish(topic, value, { retain: true })
  }

  /** A retained value whose key the store does not have was deleted while nobody published. */
  async #eraseStale({ topic, payload, retain }: Message): Promise<void> {
    const key = topic.slice('/dyn/'.length)
    if (!retain || payload.length === 0 || !key.startsWith(kvPrefix)) return
    const { store, bus } = this.#options
    if ((await store.get(key)) !== undefined) return
    await bus.publish(topic, '', { retain: true })
    // It may have been put meanwhile, and what the watch published was just erased.
    const now = await store.get(key)
    if (now !== undefined) await this.#publish({ kind: 'put', ...now })
  }
}

/** Refuses a name before it is stored that could not be published. */
function toKey(name: string): string {
  const fault = topicFault(kvTopic(name))
  if (fault === undefined && name !== '') return kvPrefix + name
  throw new BusError('TRIJET_BUS_TOPIC', `invalid key "${name}": ${fault ?? 'it is empty'}`)
}

/** Lets those pass who wait for a revision that has been published. */
class RevisionGate {
  readonly #waiting = new Set<{ revision: number } & PromiseWithResolvers<void>>()
  #passed = 0

  async reached(revision: number): Promise<void> {
    if (revision <= this.#passed) return
    const waiter = { revision, ...Promise.withResolvers<void>() }
    this.#waiting.add(waiter)
    await waiter.promise
  }

  pass(revision: number): void {
    this.#passed = Math.max(this.#passed, revision)
    for (const waiter of this.#waiting) {
      if (waiter.revision > this.#passed) continue
      this.#waiting.delete(waiter)
      waiter.resolve()
    }
  }

  fail(error: Error): void {
    for (const { reject } of this.#waiting) reject(error)
    this.#waiting.clear()
  }
}
