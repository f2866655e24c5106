/**
 * Where everything of a shared table lies, in words of 4 bytes.
 *
 * ```text
 *   ┌ head ─────────────────────────────────────────────┬ owners ───────┬ part ┬ part ┬ …
 *   │ signature · lock · clock · columns · parts · used │ word × owners │      │      │
 *   └───────────────────────────────────────────────────┴───────────────┴──────┴──────┴──
 *   part:   record × slots │ hash × slots, in the place of whole records
 *   record: float64s · counters × owners │ key length · touched · int32s · wides · statuses · latencies
 *           │ gauges × owners │ users × owners │ key
 * ```
 *
 * A table begins with one part and may take more into use. Records are numbered through all of them, so that
 * a field of a record is found without knowing of parts; the numbers where hashes lie are no records.
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
  /** Most records at one time, in each part. */
  readonly capacity: number
  /** Parts that it may grow to; one unless said. */
  readonly parts?: number
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

const formatVersion = 3
/** Words of the head. */
export const signatureAt = 0
export const lockAt = 1
export const clockAt = 2
/** Columns that were ever taken: sums need not look at the others. */
export const columnsAt = 3
/** Parts in use; 0 in memory that is new, which has one. */
export const partsAt = 4
/** Records in the first part, in the second, and so on. */
export const usedAt = 5

/** Slots per record of capacity: keeps runs of taken slots short. */
const slotsPerRecord = 1.5

/** The places of a layout. */
export interface TableShape {
  /** Slots, and records, of a part. */
  readonly slots: number
  /** How far the number of a record lies from that of the same one in the next part. */
  readonly numbers: number
  /** Most parts. */
  readonly parts: number
  readonly ownersAt: number
  readonly recordsAt: number
  readonly recordWords: number
  /** Word of each field within a record. */
  readonly words: Readonly<Record<string, number>>
  readonly usersAt: number
  readonly keyAt: number
  readonly signature: number
}

/** Fields that every record has. */
export const keyLengthField = 'key length'
export const touchedField = 'touched'

/** Bytes that a table of that layout needs, when so many of its parts are in use. */
export function tableBytes<F extends Fields>(layout: TableLayout<F>, parts = 1): number {
  return shapeBytes(shapeOf(layout), parts)
}

export function shapeBytes({ recordsAt, recordWords, numbers }: TableShape, parts: number): number {
  return (recordsAt + parts * numbers * recordWords) * 4
}

const shapes = new WeakMap<object, TableShape>()

/** Worked out once for a layout, which many tables may have. */
export function shapeOf<F extends Fields>(layout: TableLayout<F>): TableShape {
  return shapes.getOrInsertComputed(layout, () => placed(layout))
}

function placed<F extends Fields>(layout: TableLayout<F>): TableShape {
  const { capacity, owners, keyBytesMax, parts = 1 } = layout
  const slots = Math.ceil(capacity * slotsPerRecord) + 1
  const words: Record<string, number> = {}
  const usersAt = placeFields(layout, words)
  const keyAt = usersAt + owners
  const recordWords = even(keyAt + Math.ceil(keyBytesMax / 4))
  const numbers = slots + Math.ceil(slots / recordWords)
  const ownersAt = usedAt + parts
  const recordsAt = even(ownersAt + owners)
  const signature = crc32(JSON.stringify([formatVersion, layout])) | 1
  return {
    slots,
    numbers,
    parts,
    ownersAt,
    recordsAt,
    recordWords,
    words,
    usersAt,
    keyAt,
    signature,
  }
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
