/**
 * HPACK decoding (RFC 7541) of one direction of a connection.
 *
 * ```text
 *   1xxxxxxx   indexed field                       01xxxxxx   literal, joins the table
 *   0000xxxx   literal   0001xxxx  never indexed   001xxxxx   table size update
 * ```
 *
 * Fields are handed out as ranges: of the static table, of the dynamic table, of the block itself, or of
 * scratch memory where they were Huffman-coded. Nothing is copied that nobody asks for.
 */
import { DynamicTable } from './dynamic-table.ts'
import { decodedBytesMax, huffmanDecode } from './huffman.ts'
import { tableBytesMax } from './limits.ts'
import type { Slice } from './slice.ts'
import { dynamicFrom, staticBytes, staticRanges } from './static-table.ts'

/** Takes the fields of a block, in order. The ranges are valid during the call only. */
export interface FieldSink {
  onField(name: Slice, value: Slice): void
}

export type HpackFault =
  | 'invalid index'
  | 'invalid integer'
  | 'invalid Huffman code'
  | 'truncated'
  | 'table size update in the middle of a block'
  | 'invalid table size update'

const indexed = 0x80
const withIndexing = 0x40
const sizeUpdate = 0x20
const huffman = 0x80

/** Integers beyond this are no lengths, indices or sizes of anything (RFC 7541 §5.1 asks for a limit). */
const integerMax = 2 ** 28

const scratchBytesInitial = 1024

/** Decoding is synchronous: one pair of scratch buffers serves all connections. */
const scratch: { name: Buffer; value: Buffer } = {
  name: Buffer.allocUnsafeSlow(scratchBytesInitial),
  value: Buffer.allocUnsafeSlow(scratchBytesInitial),
}

const nothing = Buffer.alloc(0)

export class HpackDecoder {
  readonly #table = new DynamicTable()
  readonly #name: Slice = { bytes: nothing, start: 0, end: 0 }
  readonly #value: Slice = { bytes: nothing, start: 0, end: 0 }
  #block: Buffer = nothing
  #at = 0
  #end = 0
  #fault: HpackFault | undefined = undefined

  /** Decodes a whole block; `undefined` when all is well. After a fault nothing more can be decoded. */
  decode(block: Buffer, from: number, to: number, sink: FieldSink): HpackFault | undefined {
    this.#block = block
    this.#at = from
    this.#end = to
    this.#fault = undefined
    let fields = 0
    while (this.#at < to) {
      const first = block[this.#at]!
      if ((first & 0xe0) === sizeUpdate) {
        if (fields > 0) return 'table size update in the middle of a block'
        this.#resize()
      } else {
        fields += 1
        this.#field(first)
      }
      if (this.#fault !== undefined) return this.#fault
      if ((first & 0xe0) === sizeUpdate) continue
      sink.onField(this.#name, this.#value)
      if ((first & 0xc0) === withIndexing) this.#table.insert(this.#name, this.#value)
    }
    this.#block = nothing
    return undefined
  }

  #field(first: number): void {
    if (first >= indexed) {
      this.#entry(this.#integer(7), this.#name, this.#value)
      return
    }
    const index = this.#integer((first & withIndexing) !== 0 ? 6 : 4)
    if (index === 0) scratch.name = this.#string(this.#name, scratch.name)
    else this.#entry(index, this.#name, this.#value)
    if (this.#fault === undefined) scratch.value = this.#string(this.#value, scratch.value)
  }

  #resize(): void {
    const bytes = this.#integer(5)
    if (bytes > tableBytesMax) this.#fault ??= 'invalid table size update'
    else this.#table.resize(bytes)
  }

  #entry(index: number, name: Slice, value: Slice): void {
    if (index >= dynamicFrom) {
      if (!this.#table.read(index - dynamicFrom, name, value)) this.#fault ??= 'invalid index'
      return
    }
    if (index === 0) this.#fault ??= 'invalid index'
    const at = index * 3
    name.bytes = staticBytes
    name.start = staticRanges[at]!
    name.end = staticRanges[at + 1]!
    value.bytes = staticBytes
    value.start = name.end
    value.end = staticRanges[at + 2]!
  }

  /** RFC 7541 §5.1. */
  #integer(prefixBits: number): number {
    const block = this.#block
    const mask = (1 << prefixBits) - 1
    let value = block[this.#at++]! & mask
    if (value < mask) return value
    for (let factor = 1; this.#at < this.#end; factor *= 128) {
      const byte = block[this.#at++]!
      value += (byte & 0x7f) * factor
      if (value > integerMax || factor > integerMax) break
      if (byte < 0x80) return value
    }
    this.#fault = this.#at < this.#end ? 'invalid integer' : 'truncated'
    return 0
  }

  /** RFC 7541 §5.2. Returns the scratch memory, which may have grown. */
  #string(slice: Slice, room: Buffer): Buffer {
    if (this.#at >= this.#end) {
      this.#fault = 'truncated'
      return room
    }
    const coded = this.#block[this.#at]! >= huffman
    const length = this.#integer(7)
    const start = this.#at
    if (length > this.#end - start) this.#fault ??= 'truncated'
    if (this.#fault !== undefined) return room
    this.#at += length
    if (!coded) {
      slice.bytes = this.#block
      slice.start = start
      slice.end = this.#at
      return room
    }
    const most = decodedBytesMax(length)
    const into = most > room.length ? Buffer.allocUnsafeSlow(most * 2) : room
    const decoded = huffmanDecode(this.#block, start, this.#at, into)
    if (decoded < 0) this.#fault = 'invalid Huffman code'
    slice.bytes = into
    slice.start = 0
    slice.end = decoded
    return into
  }
}
