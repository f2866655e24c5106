/** The store kept in memory, for tests: the reference of the contract. */
import { checkCommit, checkKey, checkPrefix, checkTtl, pageLimit, toBytes } from './checks.ts'
import { Alarm, checkHistory, checkWatchers, follow, type Stretch } from './follow.ts'
import { storeLimits } from './limits.ts'
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

interface Held extends Entry {
  readonly lease: LeaseId | undefined
}

interface Lease {
  readonly ttlMs: number
  readonly timer: NodeJS.Timeout
}

export class MemoryStore implements Store, Leases {
  readonly #entries = new Map<string, Held>()
  readonly #leases = new Map<LeaseId, Lease>()
  readonly #alarm = new Alarm()
  readonly #closing = new AbortController()
  readonly #historyMax: number
  #history: Transaction[] = []
  #revision = 0
  #compacted = 0
  #watchers = 0
  #nextLease = 1

  constructor(limits: HistoryLimits = {}) {
    this.#historyMax = limits.historyRevisionsMax ?? storeLimits.historyRevisionsMax
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#checkOpen()
    checkKey(key)
    const held = this.#entries.get(key)
    return held && toEntry(held)
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<Page> {
    this.#checkOpen()
    checkPrefix(prefix)
    const limit = pageLimit(options.limit)
    const { after } = options
    const matching = [...this.#entries.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .filter(({ key }) => after === undefined || byBytes(key, after) > 0)
      .sort((a, b) => byBytes(a.key, b.key))
    const entries = withinPage(matching).slice(0, limit).map(toEntry)
    return { entries, revision: this.#revision, more: entries.length < matching.length }
  }

  async commit(
    changes: readonly Change[],
    expectations: readonly Expectation[] = [],
  ): Promise<CommitResult> {
    this.#checkOpen()
    checkCommit(changes, expectations)
    const conflicts = expectations
      .map(({ key, revision }) => ({
        key,
        expected: revision,
        actual: this.#entries.get(key)?.revision ?? 0,
      }))
      .filter(({ expected, actual }) => expected !== actual)
    if (conflicts.length > 0) return { ok: false, conflicts }
    for (const change of changes) {
      if (change.kind === 'put' && change.lease !== undefined) this.#lease(change.lease)
    }
    return { ok: true, revision: this.#apply(changes) }
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
    if (this.#leases.size >= storeLimits.leasesMax) {
      throw new StoreError('TRIJET_STORE_SIZE', `there are ${this.#leases.size} leases already`)
    }
    const id = this.#nextLease++
    const timer = setTimeout(() => this.#end(id), ttlMs)
    timer.unref()
    this.#leases.set(id, { ttlMs, timer })
    return id
  }

  async keepAlive(lease: LeaseId): Promise<boolean> {
    this.#checkOpen()
    this.#leases.get(lease)?.timer.refresh()
    return this.#leases.has(lease)
  }

  async revoke(lease: LeaseId): Promise<void> {
    this.#checkOpen()
    this.#end(lease)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    for (const { timer } of this.#leases.values()) clearTimeout(timer)
    this.#leases.clear()
  }

  #apply(changes: readonly Change[]): number {
    const applied: Applied[] = []
    const revision = this.#revision + 1
    for (const change of changes) {
      const { key } = change
      if (change.kind === 'delete') {
        if (this.#entries.delete(key)) applied.push({ kind: 'delete', key })
        continue
      }
      const value = toBytes(change.value)
      this.#entries.set(key, { key, value, revision, lease: change.lease })
      applied.push({ kind: 'put', key, value })
    }
    if (applied.length === 0) return this.#revision
    this.#revision = revision
    this.#history.push({ revision, changes: applied })
    if (this.#history.length > this.#historyMax) {
      this.#history = this.#history.slice(-this.#historyMax)
      this.#compacted = this.#history[0]!.revision - 1
    }
    this.#alarm.ring()
    return revision
  }

  #read(prefix: string, after: number): Stretch {
    checkHistory(after, this.#compacted, this.#revision)
    const transactions = this.#history
      .filter(({ revision }) => revision > after)
      .map(({ revision, changes }) => ({
        revision,
        changes: changes.filter(({ key }) => key.startsWith(prefix)),
      }))
      .filter(({ changes }) => changes.length > 0)
    return { transactions, upTo: this.#revision, atEnd: true }
  }

  #end(id: LeaseId): void {
    const lease = this.#leases.get(id)
    if (lease === undefined) return
    clearTimeout(lease.timer)
    this.#leases.delete(id)
    const keys = [...this.#entries.values()].filter((held) => held.lease === id)
    keys.sort((a, b) => byBytes(a.key, b.key))
    this.#apply(keys.map(({ key }) => ({ kind: 'delete', key })))
  }

  #lease(id: LeaseId): void {
    if (this.#leases.has(id)) return
    throw new StoreError('TRIJET_STORE_LEASE', `lease ${id} has ended or was never granted`)
  }

  #checkOpen(): void {
    if (!this.#closing.signal.aborted) return
    throw new StoreError('TRIJET_STORE_CLOSED', 'the store is closed')
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function toEntry({ key, value, revision }: Held): Entry {
  return { key, value: value.slice(), revision }
}

/** The entries that fit into the bytes of a page; always the first one. */
function withinPage(entries: readonly Held[]): readonly Held[] {
  let bytes = 0
  const end = entries.findIndex(({ value }, index) => {
    bytes += value.byteLength
    return index > 0 && bytes > storeLimits.pageBytesMax
  })
  return end === -1 ? entries : entries.slice(0, end)
}
