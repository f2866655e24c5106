/**
 * Rings of records for many writers, each of which has one to itself, and one reader of all.
 *
 * ```text
 *   directory   │ worker 812 │ worker 815 │ nobody yet │ …      one word of shared memory for each ring
 *                     │            │
 *                  ring 0       ring 1                        made when they are first claimed
 * ```
 *
 * A writer takes the first ring whose writer is dead, or that never had one. What a dead writer has left
 * is read like the rest: its successor goes on behind it.
 */
import { isAlive, ownWord } from './process-identity.ts'
import { RecordRing, ringBytes } from './record-ring.ts'

/** Opens memory that processes share; zeroed when new, the same for the same name and size. */
export type OpenMemory = (name: string, bytes: number) => ArrayBuffer

export interface RecordRingsOptions {
  readonly name: string
  /** Writers at one time. */
  readonly ringsMax: number
  /** Room of each ring for records, a power of two. */
  readonly ringBytes: number
  readonly open: OpenMemory
}

export class RecordRings {
  readonly #options: RecordRingsOptions
  readonly #writers: Int32Array
  readonly #open: (RecordRing | undefined)[] = []

  constructor(options: RecordRingsOptions) {
    this.#options = options
    const { name, ringsMax, open } = options
    this.#writers = new Int32Array(open(`${name} writers`, ringsMax * Int32Array.BYTES_PER_ELEMENT))
  }

  /** The ring that this process writes to; `undefined` when all are taken. A process has one. */
  claim(): RecordRing | undefined {
    const own = this.#writers.indexOf(ownWord)
    if (own >= 0) return this.#ring(own)
    for (let i = 0; i < this.#writers.length; i++) {
      const writer = Atomics.load(this.#writers, i)
      if (writer !== 0 && isAlive(writer)) continue
      if (Atomics.compareExchange(this.#writers, i, writer, ownWord) === writer) {
        return this.#ring(i)
      }
    }
    return undefined
  }

  /** The rings that have, or had, a writer. */
  *claimed(): Generator<RecordRing, void, undefined> {
    for (let i = 0; i < this.#writers.length; i++) {
      if (Atomics.load(this.#writers, i) !== 0) yield this.#ring(i)
    }
  }

  #ring(index: number): RecordRing {
    const { name, ringBytes: dataBytes, open } = this.#options
    const known = this.#open[index]
    if (known !== undefined) return known
    const ring = new RecordRing(open(`${name} ${index}`, ringBytes(dataBytes)))
    this.#open[index] = ring
    return ring
  }
}
