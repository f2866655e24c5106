/**
 * Where everything of a shared table lies, in words of 4 bytes.
 *
 * ```text
 *   ┌ head ─────────────────────────────────────┬ owners ───────┬ slots ────────┬ records ─────────┐
 *   │ signature · lock · used · clock · columns │ word × owners │ hash × slots  │ record × slots   │
 *   └───────────────────────────────────────────┴───────────────┴───────────────┴──────────────────┘
 *   record: float64s · counters × owners │ key length · touched · int32s · wides · statuses · latencies
 *           │ gauges × owners │ users × owners │ key
 * ```
 */
import { cpus } from 'node:os'
import { crc32 } from 'node:zlib'
import { latencyWords } from './latency-histogram.ts'
import { statusCountsWords } from './status-counts.ts'
import { wideWords } from './wide-counter.ts'

/**
 * - `int32`: one cell, changed atomically by anyone;
 * - `float64`: one cell, for times; the last writer wins;
 * - `gauge`: what owners hold now; an owner's part ends with its process;
 * - `counter`: what owners counted; stays when they end. The cheapest to add to, and a column for each owner;
 * - `wide`: a counter without columns, of whole numbers, changed atomically by anyone;
 * - `latency`, `statuses`: a `LatencyHistogram`, a `StatusCounts`.
 */
export type FieldKind = 'int32' | 'float64' | 'gauge' | 'counter' | 'wide' | 'latency' | 'statuses'

export type Fields = Readonly<Record<string, FieldKind>>

/** Names of the fields of one kind. */
export type NamesOf<F extends Fields, Kind extends FieldKind> = {
  [Name in keyof F]: F[Name] extends Kind ? Name : never
}[keyof F] &
  string

export interface TableLayout<F extends Fields> {
  readonly fields: F
  /** Most records at one time. */
  readonly capacity: number
  /** Most processes that write at one time. */
  readonly owners: number
  readonly keyBytesMax: number
  /**
   * What happens to a record nobody uses: gone at once, or kept until its place is needed, oldest first; or
   * gone once it is released, and kept when those who used it died, for their successors.
   */
  readonly unused: 'remove' | 'keep' | 'inherit'
}

/**
 * Processes for which tables have room unless they say otherwise: workers, those that still drain, and
 * control. The same in all processes of a machine, whatever processors each may run on.
 */
export const processesMax: number = Math.max(32, 2 * cpus().length + 4)

const formatVersion = 2
const headWords = 6
/** Words of the head. */
export const signatureAt = 0
export const lockAt = 1
export const usedAt = 2
export const clockAt = 3
/** Columns that were ever taken: sums need not look at the others. */
export const columnsAt = 4

/** Slots per record of capacity: keeps runs of taken slots short. */
const slotsPerRecord = 1.5

/** The places of a layout. */
export interface TableShape {
  readonly slots: number
  readonly ownersAt: number
  readonly slotsAt: number
  readonly recordsAt: number
  readonly recordWords: number
  /** Word of each field within a record. */
  readonly words: Readonly<Record<string, number>>
  readonly usersAt: number
  readonly keyAt: number
  readonly bytes: number
  readonly signature: number
}

/** Fields that every record has. */
export const keyLengthField = 'key length'
export const touchedField = 'touched'

/** Bytes that a table of that layout needs. */
export function tableBytes<F extends Fields>(layout: TableLayout<F>): number {
  return shapeOf(layout).bytes
}

export function shapeOf<F extends Fields>(layout: TableLayout<F>): TableShape {
  const { capacity, owners, keyBytesMax } = layout
  const slots = Math.ceil(capacity * slotsPerRecord) + 1
  const words: Record<string, number> = {}
  const usersAt = placeFields(layout, words)
  const keyAt = usersAt + owners
  const recordWords = even(keyAt + Math.ceil(keyBytesMax / 4))
  const slotsAt = headWords + owners
  const recordsAt = even(slotsAt + slots)
  const bytes = (recordsAt + slots * recordWords) * 4
  const signature = crc32(JSON.stringify([formatVersion, layout])) | 1
  const shape = { slots, ownersAt: headWords, slotsAt, recordsAt, recordWords, words }
  return { ...shape, usersAt, keyAt, bytes, signature }
}

/** Places what is 8 bytes wide first. Returns the first free word. */
function placeFields<F extends Fields>(
  { fields, owners }: TableLayout<F>,
  words: Record<string, number>,
): number {
  let next = 0
  const place = (name: string, size: number): void => {
    words[name] = next
    next += size
  }
  const entries = Object.entries(fields)
  for (const [name, kind] of entries) if (kind === 'float64') place(name, 2)
  for (const [name, kind] of entries) if (kind === 'counter') place(name, 2 * owners)
  place(keyLengthField, 1)
  place(touchedField, 1)
  for (const [name, kind] of entries) if (kind === 'int32') place(name, 1)
  for (const [name, kind] of entries) if (kind === 'wide') place(name, wideWords)
  for (const [name, kind] of entries) if (kind === 'statuses') place(name, statusCountsWords)
  for (const [name, kind] of entries) if (kind === 'latency') place(name, latencyWords)
  for (const [name, kind] of entries) if (kind === 'gauge') place(name, owners)
  return next
}

function even(value: number): number {
  return value + (value % 2)
}
