/**
 * Rates of requests by key, counted over all workers: the leaky bucket of `limit_req`.
 *
 * A key's record holds how far it is ahead of its rate (`excess`, in thousandths of a request) as of when
 * (`last`). Time empties the bucket at the zone's rate; each request that is let through adds one.
 *
 * ```text
 *   excess ▲        burst ─ ─ ─ ─ ─ ─ ─ ─ ─   beyond: refused
 *          │   ╱╲       delay ─ ─ ─ ─ ─ ─ ─   above: waits until it would have been below
 *          │╱    ╲╱╲                          below: passes at once
 *          └──────────▶ time
 * ```
 */
import type { ComplexValue } from '../core/complex-value.ts'
import type { Float64Field } from '../core/shared-fields.ts'
import { shortKey } from '../core/shared-key.ts'
import type { SharedTable } from '../core/shared-table.ts'
import { processesMax, type TableLayout } from '../core/table-layout.ts'
import type { VariableHost } from '../core/variables.ts'
import { growing, openTable, type ZoneMemory } from '../core/zone-memory.ts'

export interface LimitReqZone {
  readonly name: string
  readonly bytes: number
  readonly key: ComplexValue
  /** Thousandths of a request a second. */
  readonly rate: number
}

export interface LimitReq {
  readonly zone: LimitReqZone
  /** Thousandths of a request that a key may be ahead. */
  readonly burst: number
  /** Up to this far ahead a request does not wait; `Infinity` for `nodelay`. */
  readonly delay: number
}

/** What is to be done with a request. */
export interface RateVerdict {
  readonly kind: 'uncounted' | 'pass' | 'delay' | 'reject' | 'full'
  /** The zone that decided. */
  readonly zone: LimitReqZone | undefined
  /** How far the key is ahead, in thousandths of a request. */
  readonly excess: number
  readonly delayMs: number
}

/** What one key costs in nginx on machines of 64 bits: a zone of a given size holds as many keys as there. */
const bytesPerKey = 128
/** Longer keys are told apart by their digests. */
const keyBytesMax = 24
const thousandths = 1000
/** A clock that was set back further than this has been set anew. */
const clockBackMsMax = 60_000

const fields = { excess: 'float64', last: 'float64', lock: 'int32' } as const

interface OpenZone {
  readonly table: SharedTable<typeof fields>
  readonly excess: Float64Field
  readonly last: Float64Field
}

/** A record that a request has in its hands while its limits are looked at. */
interface Held {
  readonly open: OpenZone
  readonly record: number
  readonly limit: LimitReq
  /** How far the key was ahead when the request was counted. */
  excess: number
}

/** Name of a zone's memory. */
export function limitReqZoneId(name: string, key: string): string {
  return `limit_req:${name}:${key}`
}

/** How a zone of that size lies in its memory. */
export function limitReqLayout(bytes: number): TableLayout<typeof fields> {
  return growing({
    fields,
    capacity: Math.floor(bytes / bytesPerKey),
    owners: processesMax,
    keyBytesMax,
    unused: 'keep',
  })
}

const uncounted = -1

/** No limit has a key for it. */
const unlimited: RateVerdict = { kind: 'uncounted', zone: undefined, excess: 0, delayMs: 0 }
const passed: RateVerdict = { kind: 'pass', zone: undefined, excess: 0, delayMs: 0 }

/** The open zones of a process. */
export class LimitReqZones {
  readonly #memory: ZoneMemory
  readonly #now: () => number
  readonly #open = new Map<string, OpenZone>()
  /** The same, by how a configuration in force says them. */
  readonly #known = new WeakMap<LimitReqZone, OpenZone>()
  /** What the request in hand holds; empty between two. */
  readonly #held: Held[] = []

  /** `now` counts milliseconds on a scale that all workers share. */
  constructor(memory: ZoneMemory, now: () => number) {
    this.#memory = memory
    this.#now = now
  }

  /** Opens a zone's memory before it is needed; throws where there is none. */
  open(zone: LimitReqZone): void {
    this.#zone(zone)
  }

  /** Judges a request by all its limits, and counts it where all let it pass. */
  judge(limits: readonly LimitReq[], host: VariableHost): RateVerdict {
    try {
      return this.#look(limits, host) ?? this.#count()
    } finally {
      for (const { open, record } of this.#held) open.table.release(record)
      this.#held.length = 0
    }
  }

  /** Why it cannot pass. The last limit counts in the same step in which it is looked at. */
  #look(limits: readonly LimitReq[], host: VariableHost): RateVerdict | undefined {
    for (let i = 0; i < limits.length; i += 1) {
      const limit = limits[i]!
      const key = limit.zone.key.evaluate(host)
      if (key === '') continue
      const open = this.#zone(limit.zone)
      const record = open.table.acquire(shortKey(key, keyBytesMax))
      if (record < 0) return { kind: 'full', zone: limit.zone, excess: 0, delayMs: 0 }
      const held = { open, record, limit, excess: uncounted }
      this.#held.push(held)
      const excess = this.#step(held, i === limits.length - 1, limit.burst)
      if (excess > limit.burst) return { kind: 'reject', zone: limit.zone, excess, delayMs: 0 }
    }
    return undefined
  }

  /** Counts where it was only looked at, and finds the longest of the waits. */
  #count(): RateVerdict {
    let verdict = this.#held.length === 0 ? unlimited : passed
    for (const held of this.#held) {
      const { zone, delay } = held.limit
      if (held.excess === uncounted) this.#step(held, true, Infinity)
      if (held.excess <= delay) continue
      const delayMs = Math.floor(((held.excess - delay) * thousandths) / zone.rate)
      if (delayMs > verdict.delayMs) verdict = { kind: 'delay', zone, excess: held.excess, delayMs }
    }
    return verdict
  }

  /** How far the key is ahead with one request more, which is counted unless it goes beyond `most`. */
  #step(held: Held, counts: boolean, most: number): number {
    const { open, record, limit } = held
    const lock = open.table.lockOf('lock', record)
    // Where the holder is stopped, a request miscounted is better than to hang with it.
    const locked = lock.lock()
    const now = this.#now()
    const excess = excessAt(open, record, limit.zone.rate, now)
    if (counts && excess <= most) {
      open.excess.set(record, excess)
      open.last.set(record, now)
      held.excess = excess
    }
    if (locked) lock.unlock()
    return excess
  }

  #zone(zone: LimitReqZone): OpenZone {
    let open = this.#known.get(zone)
    if (open === undefined) {
      open = this.#openZone(zone)
      this.#known.set(zone, open)
    }
    return open
  }

  #openZone({ name, bytes, key }: LimitReqZone): OpenZone {
    // With another key it is another zone: what was counted means nothing there.
    const id = limitReqZoneId(name, key.text)
    const known = this.#open.get(`${id}:${bytes}`)
    if (known !== undefined) return known
    const table = openTable(this.#memory, id, limitReqLayout(bytes), name)
    const zone = { table, excess: table.float64('excess'), last: table.float64('last') }
    this.#open.set(`${id}:${bytes}`, zone)
    return zone
  }
}

/** One that is new is not ahead at all. */
function excessAt({ excess, last }: OpenZone, record: number, rate: number, now: number): number {
  const since = last.get(record)
  if (since === 0) return 0
  const ms = now - since < -clockBackMsMax ? 1 : Math.max(now - since, 0)
  return Math.max(excess.get(record) - Math.floor((rate * ms) / thousandths) + thousandths, 0)
}
