/**
 * Sessions that `sticky learn` has seen, and the server of each, in memory that all workers share. When
 * there is no room, the one that was used longest ago goes.
 */
import { md5Hex } from './peer-name.ts'
import type { Float64Field, Int32Field } from '../core/shared-fields.ts'
import { shortKey } from '../core/shared-key.ts'
import type { SharedTable } from '../core/shared-table.ts'
import { growing, openTable, privateZoneMemory, type ZoneMemory } from '../core/zone-memory.ts'
import { processesMax, type TableLayout } from '../core/table-layout.ts'

/** nginx reckons with 4000 sessions in a megabyte. */
const bytesPerSession = 256
/** Longer names of sessions are told apart by their digests. */
const sessionKeyBytesMax = 64

/** A peer's name, of any length, as four words of its digest. */
const fields = {
  peer0: 'int32',
  peer1: 'int32',
  peer2: 'int32',
  peer3: 'int32',
  usedAt: 'float64',
} as const

type Fields = typeof fields

const words = ['peer0', 'peer1', 'peer2', 'peer3'] as const

export interface StickyZone {
  readonly zone: string
  readonly bytes: number
  readonly timeoutMs: number
}

export class StickySessions {
  readonly #table: SharedTable<Fields>
  readonly #words: readonly Int32Field[]
  readonly #usedAt: Float64Field
  readonly #timeoutMs: number
  readonly #now: () => number

  constructor(memory: ZoneMemory, { zone, bytes, timeoutMs }: StickyZone, now: () => number) {
    this.#table = openTable(memory, `sticky ${zone}`, layoutFor(bytes), zone)
    this.#words = words.map((name) => this.#table.int32(name))
    this.#usedAt = this.#table.float64('usedAt')
    this.#timeoutMs = timeoutMs
    this.#now = now
  }

  /** What `digestOf` says of the peer, empty where the session is unknown or was not used for too long. */
  get(session: string): string {
    const key = shortKey(session, sessionKeyBytesMax)
    // What clients make up takes nobody's place.
    const record = this.#table.find(key) < 0 ? -1 : this.#table.acquire(key)
    if (record < 0) return ''
    try {
      const usedAt = this.#usedAt.get(record)
      if (usedAt === 0 || this.#now() - usedAt > this.#timeoutMs) return ''
      this.#usedAt.set(record, this.#now())
      return this.#words.map((word) => hex(word.get(record))).join('')
    } finally {
      this.#table.release(record)
    }
  }

  set(session: string, peer: string): void {
    const record = this.#table.acquire(shortKey(session, sessionKeyBytesMax))
    if (record < 0) return
    const digest = digestOf(peer)
    for (const [i, word] of this.#words.entries()) {
      word.set(record, Number.parseInt(digest.slice(8 * i, 8 * i + 8), 16) | 0)
    }
    this.#usedAt.set(record, this.#now())
    this.#table.release(record)
  }
}

/** Names of peers that are digests already are kept as they are. */
export function digestOf(peer: string): string {
  return /^[0-9a-f]{32}$/.test(peer) ? peer : md5Hex(peer)
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}

function layoutFor(bytes: number): TableLayout<Fields> {
  return growing({
    fields,
    capacity: Math.max(1, Math.floor(bytes / bytesPerSession)),
    owners: processesMax,
    keyBytesMax: sessionKeyBytesMax,
    unused: 'keep',
  })
}

/** The sessions of a zone; versions of a group, and groups, with one zone have the same. */
export function openStickySessions(
  zone: StickyZone,
  { zones, now }: { readonly zones?: ZoneMemory | undefined; readonly now: () => number },
): StickySessions {
  return new StickySessions(zones ?? privateZoneMemory(), zone, now)
}
