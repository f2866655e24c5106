/**
 * Traffic counted by key, exact over all workers, in memory that they share.
 *
 * A table of keys gives each key a record, and each record a generation. Every process counts in rows of
 * its own, in a segment that only it writes to; what was counted is the sum of a record's rows of the
 * record's generation. Counting is a few plain additions. A process that is killed leaves its segment to the
 * one that takes its column, which goes on in it: nothing is lost, and nothing is counted twice.
 *
 * ```text
 *   keys:  'a' ─▶ record 3, generation 17          segment of column 0:  … [row 3: 17, 120 requests] …
 *          'b' ─▶ record 5, generation 18          segment of column 1:  … [row 3: 17,  80 requests] …
 * ```
 *
 * A reset is a new generation: whoever counts next empties its row first. The same happens where the place
 * of a key that nobody needs any more is given to another.
 *
 * What an engine before this one had counted lies in a segment of its own, which nobody counts in: a key's
 * row is there or it is not, so that it is never added twice, whoever tries.
 */
import type { Float64Field, Int32Field } from '../../core/shared-fields.ts'
import type { SharedTable } from '../../core/shared-table.ts'
import { processesMax, tableBytes } from '../../core/table-layout.ts'
import { growing, openTable, type ZoneMemory } from '../../core/zone-memory.ts'
import { keyBytesMax, rememberedKeysMax } from './limits.ts'
import { addRows, type Traffic } from './traffic.ts'
import { type CounterHome, TrafficCounter } from './traffic-counter.ts'
import { keyText, partsOf } from './traffic-key.ts'
import {
  addRow,
  type Counted,
  fillRow,
  generationOf,
  readCounted,
  readRow,
  rowNumbers,
  type TrafficStyle,
} from './traffic-row.ts'

const fields = {
  /** 0 in a record that is new. */
  generation: 'int32',
  /** 1: taken out of sight until something is counted again. */
  hidden: 'int32',
  /** In the table's own record: the last generation that was given. */
  given: 'int32',
  /** In the table's own record: when the table was made, in milliseconds of the wall clock. */
  madeAt: 'float64',
  /** In the table's own record: 1 where something was read back. */
  restored: 'int32',
} as const

/** Key of the table's own record; no key of traffic is empty. */
const ownKey = ''

/** What was counted of a key before this engine began. */
export interface KeyedCounts extends Counted {
  readonly group: string
  readonly name: string
}

export interface TrafficTableOptions {
  readonly memory: ZoneMemory
  readonly name: string
  /** How users call the zone, where they may let it grow. */
  readonly zone?: string
  /** Keys that it has room for before it grows. */
  readonly capacity: number
  /** Times that are taken of each thing that is counted. */
  readonly timings: number
}

export class TrafficTable implements CounterHome {
  readonly keys: SharedTable<typeof fields>
  readonly generations: Int32Field
  readonly rowNumbers: number
  readonly #options: TrafficTableOptions
  readonly #hidden: Int32Field
  readonly #given: Int32Field
  readonly #madeAt: Float64Field
  readonly #restored: Int32Field
  readonly #own: number
  /** Rows by column, and by part of the table. */
  readonly #columns: Rows[] = []
  readonly #before: Rows = []
  /** By group and name: counters of values that come from requests. */
  #remembered = new Map<string, Map<string, TrafficCounter>>()
  #rememberedCount = 0

  constructor(options: TrafficTableOptions) {
    const { memory, name, zone, capacity, timings } = options
    this.#options = options
    this.rowNumbers = rowNumbers(timings)
    const layout = growing({
      fields,
      capacity: capacity + 1,
      owners: processesMax,
      keyBytesMax,
      unused: 'keep',
    })
    this.keys = openTable(memory, name, layout, zone)
    this.generations = this.keys.int32('generation')
    this.#hidden = this.keys.int32('hidden')
    this.#given = this.keys.int32('given')
    this.#madeAt = this.keys.float64('madeAt')
    this.#restored = this.keys.int32('restored')
    this.#own = this.keys.acquire(ownKey)
    if (this.madeAt === 0) this.#madeAt.set(this.#own, Date.now())
  }

  /** Milliseconds of the wall clock. */
  get madeAt(): number {
    return this.#madeAt.get(this.#own)
  }

  /** Keys in it. */
  get used(): number {
    return this.keys.used - 1
  }

  get bytes(): number {
    const segments = this.keys.columns + this.#restored.get(this.#own)
    const { layout, parts } = this.keys
    return tableBytes(layout, parts) + segments * parts * this.#rowsBytes
  }

  /** The counter of a key that a configuration says: its record stays as long as the counter does. */
  hold(group: string, name: string, style: TrafficStyle): TrafficCounter {
    return new TrafficCounter(this, keyText(group, name), style, true)
  }

  /** The counter of a key that came with a request; its record may be given up for others. */
  counterOf(group: string, name: string, style: TrafficStyle): TrafficCounter {
    const known = this.#remembered.get(group)?.get(name)
    return known ?? this.#remember(group, name, style)
  }

  #remember(group: string, name: string, style: TrafficStyle): TrafficCounter {
    if (this.#rememberedCount >= rememberedKeysMax) {
      this.#remembered = new Map()
      this.#rememberedCount = 0
    }
    const names = this.#remembered.getOrInsertComputed(
      group,
      () => new Map<string, TrafficCounter>(),
    )
    const counter = new TrafficCounter(this, keyText(group, name), style, false)
    names.set(name, counter)
    this.#rememberedCount += 1
    return counter
  }

  /** The generation of a record, given to it where it is new. */
  generationOf(record: number): number {
    const known = this.generations.get(record)
    if (known !== 0) return known
    this.generations.exchange(record, 0, this.#nextGeneration())
    return this.generations.get(record)
  }

  /** The rows in which this process counts, of the part with that record. Throws where there is no memory. */
  ownRows(record: number): Float64Array {
    return this.#rows(this.keys.owner, record)
  }

  /** Where the row of a record begins. */
  rowAt(record: number): number {
    return (record % this.keys.numbersPerPart) * this.rowNumbers
  }

  /** One number of a key, over all processes; 0 where nothing was counted of it. */
  sumOf(group: string, name: string, field: number): number {
    const record = this.keys.find(keyText(group, name))
    if (record < 0) return 0
    const generation = this.generations.get(record)
    const at = this.rowAt(record)
    const { columns } = this.keys
    const segments = columns + this.#restored.get(this.#own)
    let sum = 0
    for (let i = 0; i < segments; i += 1) {
      const cells = i < columns ? this.#rows(i, record) : this.#rowsBefore(record)
      if (generationOf(cells, at) === generation) sum += cells[at + field]!
    }
    return sum
  }

  /** What was counted of one key. */
  find(group: string, name: string): Traffic | undefined {
    const record = this.keys.find(keyText(group, name))
    return record < 0 ? undefined : this.#read(record)
  }

  /** What was counted of all keys. */
  *all(): Generator<Traffic, void, undefined> {
    for (const record of this.keys.records()) {
      if (record === this.#own) continue
      const traffic = this.#read(record)
      if (traffic !== undefined) yield traffic
    }
  }

  /** The same without the times of single ones, which takes half of the time. */
  *counts(): Generator<KeyedCounts, void, undefined> {
    const sum = new Float64Array(this.rowNumbers)
    for (const record of this.keys.records()) {
      const [first, ...others] = record === this.#own ? [] : this.#segmentsWith(record)
      if (first === undefined) continue
      const at = this.rowAt(record)
      sum.set(first.subarray(at, at + this.rowNumbers))
      for (const cells of others) addRow(sum, cells, at)
      const { group, name } = partsOf(this.keys.key(record))
      yield { group, name, ...readCounted(sum, 0, this.#options.timings) }
    }
  }

  /** Begins anew with those keys, `hide`: and shows them when there is something again. Returns how many. */
  reset(isMeant: (group: string, name: string) => boolean, hide: boolean): number {
    let count = 0
    for (const record of this.keys.records()) {
      if (record === this.#own) continue
      const { group, name } = partsOf(this.keys.key(record))
      if (!isMeant(group, name) || this.#read(record) === undefined) continue
      this.generations.set(record, this.#nextGeneration())
      this.#hidden.set(record, hide ? 1 : 0)
      count += 1
    }
    return count
  }

  /**
   * Adds what was counted of a key before this engine began: once, however often it is told. One process at
   * a time may do so. False where there is no room for the key.
   */
  restore({ group, name, ...counted }: KeyedCounts): boolean {
    const record = this.keys.acquire(keyText(group, name))
    if (record < 0) return false
    const generation = this.generationOf(record)
    const at = this.rowAt(record)
    const cells = this.#rowsBefore(record)
    if (generationOf(cells, at) !== generation) {
      const { style } = counted
      fillRow(cells, at, counted, { generation, style, numbers: this.rowNumbers })
    }
    this.#restored.set(this.#own, 1)
    this.keys.release(record)
    return true
  }

  #read(record: number): Traffic | undefined {
    if (this.generations.get(record) === 0) return undefined
    const { timings } = this.#options
    const at = this.rowAt(record)
    const rows = this.#segmentsWith(record).map((cells) => readRow(cells, at, timings))
    const { group, name } = partsOf(this.keys.key(record))
    const traffic = { group, name, ...addRows(rows, timings) }
    return traffic.requests === 0 && this.#hidden.get(record) === 1 ? undefined : traffic
  }

  /** Segments in which something was counted of the record since it began anew. */
  #segmentsWith(record: number): Float64Array[] {
    const generation = this.generations.get(record)
    if (generation === 0) return []
    const found: Float64Array[] = []
    const { columns } = this.keys
    for (let i = 0; i < columns; i += 1) found.push(this.#rows(i, record))
    // What was before comes last: the style is that of who counts now.
    if (this.#restored.get(this.#own) === 1) found.push(this.#rowsBefore(record))
    return found.filter((cells) => generationOf(cells, this.rowAt(record)) === generation)
  }

  #nextGeneration(): number {
    return this.#given.add(this.#own, 1) + 1
  }

  get #rowsBytes(): number {
    return this.keys.numbersPerPart * this.rowNumbers * Float64Array.BYTES_PER_ELEMENT
  }

  #rows(column: number, record: number): Float64Array {
    const rows = (this.#columns[column] ??= [])
    const part = this.#partOf(record)
    return (rows[part] ??= this.#openRows(`column ${column}`, part))
  }

  /** Of the engine before this one. */
  #rowsBefore(record: number): Float64Array {
    const part = this.#partOf(record)
    return (this.#before[part] ??= this.#openRows('column before', part))
  }

  #partOf(record: number): number {
    return Math.floor(record / this.keys.numbersPerPart)
  }

  #openRows(column: string, part: number): Float64Array {
    const { memory, name } = this.#options
    const segment = memory.open(`${name} ${column} part ${part}`, this.#rowsBytes)
    return new Float64Array(segment.buffer)
  }
}

/** Rows of each part of the table that was looked at. */
type Rows = (Float64Array | undefined)[]
