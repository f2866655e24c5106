/**
 * HPACK encoding (RFC 7541) without a dynamic table, as nginx does it: what is said once costs neither side
 * memory, and every header block stands for itself.
 *
 * A block is written into one buffer of the process and copied into frames from there.
 */
import { tokenLower } from '../bytes.ts'
import { huffmanEncode, huffmanLength } from './huffman.ts'
import { staticIndex } from './static-table.ts'

const blockBytesInitial = 4096
/** Prefix and length of a name or value at most: five bytes of a 31-bit integer each, and the first byte. */
const lengthBytesMax = 6
/** UTF-8 takes at most this many bytes for one unit of a string. */
const bytesPerUnitMax = 3

const indexed = 0x80
const sizeUpdateToZero = 0x20
const huffman = 0x80

export class HeaderBlock {
  bytes: Buffer = Buffer.allocUnsafeSlow(blockBytesInitial)
  length: number = 0

  clear(): void {
    this.length = 0
  }

  /** Tells the peer that no dynamic table is used (RFC 7541 §4.2), after it has limited the table's size. */
  withoutTable(): void {
    this.#reserve(1)
    this.bytes[this.length++] = sizeUpdateToZero
  }

  /** A field of the static table, name and value. */
  indexed(index: number): void {
    this.#reserve(1)
    this.bytes[this.length++] = indexed | index
  }

  /** A field whose name stands in the static table. */
  named(index: number, value: string): void {
    this.#reserve(lengthBytesMax * 2 + value.length * bytesPerUnitMax)
    this.#integer(0, 4, index)
    this.#text(value)
  }

  /** A field; the name must be in lower case. */
  field(name: string, value: string): void {
    const index = staticIndex(name)
    if (index > 0) {
      this.named(index, value)
      return
    }
    this.#reserve(lengthBytesMax * 3 + (name.length + value.length) * bytesPerUnitMax)
    this.bytes[this.length++] = 0
    this.#text(name)
    this.#text(value)
  }

  /** A field whose name stands in the static table, its value as bytes that are not coded. */
  copied(index: number, bytes: Buffer, from: number, to: number): void {
    this.#reserve(lengthBytesMax * 2 + to - from)
    this.#integer(0, 4, index)
    this.#integer(0, 7, to - from)
    this.length += bytes.copy(this.bytes, this.length, from, to)
  }

  /** A field out of bytes; its name is put into lower case. */
  copiedField(bytes: Buffer, nameFrom: number, nameTo: number, from: number, to: number): void {
    this.#reserve(lengthBytesMax * 3 + nameTo - nameFrom + to - from)
    this.bytes[this.length++] = 0
    this.#integer(0, 7, nameTo - nameFrom)
    for (let at = nameFrom; at < nameTo; at++) {
      this.bytes[this.length++] = tokenLower[bytes[at]!]!
    }
    this.#integer(0, 7, to - from)
    this.length += bytes.copy(this.bytes, this.length, from, to)
  }

  /** What was encoded before, byte by byte. */
  raw(encoded: Uint8Array): void {
    this.#reserve(encoded.length)
    this.bytes.set(encoded, this.length)
    this.length += encoded.length
  }

  /** Huffman-coded where that is shorter. */
  #text(text: string): void {
    const coded = huffmanLength(text)
    if (coded >= 0 && coded < text.length) {
      this.#integer(huffman, 7, coded)
      this.length = huffmanEncode(text, this.bytes, this.length)
      return
    }
    this.#integer(0, 7, Buffer.byteLength(text))
    this.length += this.bytes.write(text, this.length)
  }

  /** RFC 7541 §5.1. */
  #integer(first: number, prefixBits: number, value: number): void {
    const mask = (1 << prefixBits) - 1
    if (value < mask) {
      this.bytes[this.length++] = first | value
      return
    }
    this.bytes[this.length++] = first | mask
    let rest = value - mask
    for (; rest >= 0x80; rest >>>= 7) this.bytes[this.length++] = (rest & 0x7f) | 0x80
    this.bytes[this.length++] = rest
  }

  #reserve(bytes: number): void {
    const needed = this.length + bytes
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(needed * 2)
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }
}
