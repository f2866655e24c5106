/** Identifiers as hexadecimal digits, in bytes. */
import type { ByteSink } from '../../core/byte-sink.ts'

const wordDigits = 8

const digits = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

/** By byte: the value of the digit, or -1. Upper case is no digit of `traceparent`, but one of `b3`. */
const values: Int8Array = Int8Array.from({ length: 256 }, (_, byte) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase()),
)

/** Appends a word as eight digits. */
export function appendHex(sink: ByteSink, word: number): void {
  sink.reserve(wordDigits)
  const { bytes, length } = sink
  for (let i = 0; i < wordDigits; i++) bytes[length + i] = digits[(word >>> (28 - 4 * i)) & 15]!
  sink.length = length + wordDigits
}

/** Reads eight digits; -1 where they are none. */
export function readHex(bytes: Uint8Array, at: number): number {
  let word = 0
  for (let i = 0; i < wordDigits; i++) {
    const value = values[bytes[at + i]!]!
    if (value < 0) return -1
    word = (word << 4) | value
  }
  return word >>> 0
}
