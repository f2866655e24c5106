/**
 * What records are made of.
 *
 * ```text
 *   number   = u8 | u16 | f64                little-endian
 *   word     = u32, a part of an identifier, as it is written in hexadecimal
 *   text     = bytes u16 · UTF-8
 * ```
 */
import { copyRange } from '../../core/copy-range.ts'
import { telemetryLimits } from './limits.ts'

const lengthBytes = 2
/** A native call costs as much as so many characters. */
const shortTextMax = 40

/** The room of one record, and how far it is written; never written beyond `end`. */
export class RecordBytes {
  bytes: Buffer = Buffer.alloc(0)
  at: number = 0
  end: number = 0

  /** Begins at `start` of a buffer that has room for `recordBytesMax`. */
  begin(bytes: Buffer, start: number): void {
    this.bytes = bytes
    this.at = start
    this.end = start + telemetryLimits.recordBytesMax
  }

  byte(value: number): void {
    this.bytes[this.at++] = value
  }

  number16(value: number): void {
    this.bytes[this.at++] = value & 0xff
    this.bytes[this.at++] = value >>> 8
  }

  word(value: number): void {
    this.bytes[this.at++] = value >>> 24
    this.bytes[this.at++] = value >>> 16
    this.bytes[this.at++] = value >>> 8
    this.bytes[this.at++] = value
  }

  double(value: number): void {
    this.at = this.bytes.writeDoubleLE(value, this.at)
  }

  text(text: string, bytesMax: number): void {
    const start = this.at + lengthBytes
    const short = writeShortAscii(text, this.bytes, start)
    const length = short >= 0 ? short : this.bytes.write(text, start, bytesMax)
    this.number16(length)
    this.at = start + length
  }

  /** A text of bytes as they stand in a message. */
  range(from: Buffer, start: number, end: number): void {
    const length = Math.min(end - start, telemetryLimits.textBytesMax)
    this.number16(length)
    this.at = copyRange(from, start, start + length, this.bytes, this.at)
  }
}

/** Returns how many bytes that were; -1 for a text that is long, or not ASCII. */
function writeShortAscii(text: string, into: Uint8Array, at: number): number {
  const { length } = text
  if (length > shortTextMax) return -1
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return -1
    into[at + i] = code
  }
  return length
}

/** Reads them back, one after the other. */
export class RecordReader {
  at: number
  readonly #bytes: Buffer

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes
    this.at = start
  }

  byte(): number {
    return this.#bytes[this.at++]!
  }

  number16(): number {
    this.at += 2
    return this.#bytes.readUInt16LE(this.at - 2)
  }

  double(): number {
    this.at += 8
    return this.#bytes.readDoubleLE(this.at - 8)
  }

  hex(bytes: number): string {
    this.at += bytes
    return this.#bytes.toString('hex', this.at - bytes, this.at)
  }

  text(): string {
    const length = this.number16()
    this.at += length
    return this.#bytes.toString('utf8', this.at - length, this.at)
  }
}
