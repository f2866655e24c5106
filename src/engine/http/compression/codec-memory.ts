/** Memory that codecs of a kind share, and what they keep in it for themselves. */
import type { Region } from '../../net/ffi/arena.ts'
import { requireSystem } from '../../net/ffi/libc.ts'
import { codecInputBytesMax, codecOutputBytes } from './codec.ts'

/** Room for the record that a library keeps its state in; the largest is zlib's with 112 bytes. */
const recordBytes = 128
/** Records that are mapped together. */
const recordsPerArena = 32

const wordLimit = 2 ** 32

export class CodecMemory {
  readonly input: Region
  readonly output: Region
  readonly #records: Region[] = []

  constructor() {
    const arena = requireSystem().createArena(codecInputBytesMax + codecOutputBytes)
    this.input = arena.take(codecInputBytesMax)
    this.output = arena.take(codecOutputBytes)
  }

  takeRecord(): Region {
    if (this.#records.length === 0) {
      const arena = requireSystem().createArena(recordBytes * recordsPerArena)
      for (let i = 0; i < recordsPerArena; i++) this.#records.push(arena.take(recordBytes))
    }
    const record = this.#records.pop()!
    record.bytes.fill(0)
    return record
  }

  giveRecord(record: Region): void {
    this.#records.push(record)
  }
}

/** Writes an address or a size into two words of a record. */
export function setLong(words: Uint32Array, at: number, value: number): void {
  words[at] = value % wordLimit
  words[at + 1] = value / wordLimit
}
