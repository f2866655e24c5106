/**
 * Bytes that grow at their end: heads and log lines are composed in them without texts in between.
 *
 * A sink is used again and again; its memory stays as large as the largest content so far.
 */
import { copyRange } from './copy-range.ts'
import { writeNumber } from './write-number.ts'
import { bytesPerUnitMax, writeText } from './write-text.ts'

/** Digits of the largest whole number that is exact. */
const digitsMax = 16

export class ByteSink {
  bytes: Buffer
  /** Bytes that are there, from the beginning of `bytes`. */
  length: number = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Makes room for so many more bytes; what is there may move to other memory. */
  reserve(more: number): void {
    const wanted = this.length + more
    if (wanted <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(wanted * 2)
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  /** Appends `from[start, end)`. */
  range(from: Buffer, start: number, end: number): void {
    this.reserve(end - start)
    this.length = copyRange(from, start, end, this.bytes, this.length)
  }

  all(from: Buffer): void {
    this.range(from, 0, from.length)
  }

  /** Appends a text as UTF-8. */
  text(text: string): void {
    this.reserve(text.length * bytesPerUnitMax)
    this.length = writeText(this.bytes, this.length, text)
  }

  /** Appends the digits of a whole number that is not negative, zeros before them up to `width`. */
  number(value: number, width: number = 1): void {
    this.reserve(digitsMax + width)
    this.length = writeNumber(this.bytes, this.length, value, width)
  }
}
