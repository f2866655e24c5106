/**
 * Bytes that grow at their end: heads and log lines are composed in them without texts in between.
 *
 * A sink is used again and again; its memory stays as large as the largest content so far.
 */
import { copyRange } from './copy-range.ts'
import { writeNumber } from './write-number.ts'

/** Longer texts are written by native code; the call costs as much as so many characters. */
const shortTextMax = 48
const asciiMax = 0x7f
/** UTF-8 takes at most this many bytes for one unit of a string. */
const bytesPerUnitMax = 3
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
    const { length } = text
    this.reserve(length * bytesPerUnitMax)
    const { bytes, length: start } = this
    let i = 0
    if (length <= shortTextMax) {
      for (; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code > asciiMax) break
        bytes[start + i] = code
      }
    }
    this.length = i === length ? start + length : start + bytes.write(text, start)
  }

  /** Appends the digits of a whole number that is not negative, zeros before them up to `width`. */
  number(value: number, width: number = 1): void {
    this.reserve(digitsMax + width)
    this.length = writeNumber(this.bytes, this.length, value, width)
  }
}
