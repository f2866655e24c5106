/**
 * Follows responses in the bytes of one connection: where each ends, and whether its status and its length
 * are what they should be. As cheap as it can be, since it runs on the core of the load.
 */

const headEnd = Buffer.from('\r\n\r\n')
const lengthName = Buffer.from('\r\nContent-Length: ')
const lengthNameLower = Buffer.from('\r\ncontent-length: ')
/** `HTTP/1.1 200`: the first digit of the status. */
const statusAt = 9
const digitZero = 0x30

/** What `feed` says. */
export const partial = 0
export const whole = 1
export const broken = -1

export class ResponseMeter {
  readonly #bodyBytes: number
  /** Of the body, once the head was read. */
  #missing = -1
  /** A head that came in pieces. */
  #kept: Buffer | undefined

  constructor(bodyBytes: number) {
    this.#bodyBytes = bodyBytes
  }

  /** Takes the first `length` bytes; one response is under way at a time. */
  feed(buffer: Buffer, length: number): number {
    if (this.#missing >= 0) return this.#body(length)
    if (this.#kept !== undefined) return this.#feedKept(buffer, length)
    const end = buffer.indexOf(headEnd)
    if (end < 0 || end + headEnd.length > length) {
      this.#kept = Buffer.from(buffer.subarray(0, length))
      return partial
    }
    if (!isSuccess(buffer) || lengthIn(buffer, end) !== this.#bodyBytes) return broken
    this.#missing = this.#bodyBytes
    return this.#body(length - end - headEnd.length)
  }

  #feedKept(buffer: Buffer, length: number): number {
    const all = Buffer.concat([this.#kept!, buffer.subarray(0, length)])
    this.#kept = undefined
    return this.feed(all, all.length)
  }

  #body(length: number): number {
    this.#missing -= length
    if (this.#missing > 0) return partial
    if (this.#missing < 0) return broken
    this.#missing = -1
    return whole
  }
}

/** 2xx. */
function isSuccess(buffer: Buffer): boolean {
  return buffer[statusAt] === digitZero + 2
}

function lengthIn(buffer: Buffer, end: number): number {
  let at = buffer.indexOf(lengthName)
  if (at < 0 || at > end) at = buffer.indexOf(lengthNameLower)
  if (at < 0 || at > end) return -1
  let length = 0
  for (at += lengthName.length; buffer[at]! >= digitZero; at++) {
    length = length * 10 + buffer[at]! - digitZero
  }
  return length
}
