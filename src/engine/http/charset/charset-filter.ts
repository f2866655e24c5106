/** Turns the characters of a body into those of another set. */
import type { BodyFilter } from '../body-filter.ts'
import type { Request } from '../request.ts'
import type { CharsetTable } from './charset-map.ts'

/** Room for what a piece becomes; longer ones are passed on in several. */
const outputBytes = 32 * 1024
const output = Buffer.allocUnsafeSlow(outputBytes)

/** A numeric reference such as "&#1114111;" is the longest that one character becomes. */
const characterBytesMax = 10

const unknownSign = 0x3f
const asciiCount = 0x80

/** A filter for that table. */
export function createCharsetFilter(request: Request, charset: CharsetTable): BodyFilter {
  switch (charset.kind) {
    case 'bytes':
      return new ByteFilter(request, charset.table)
    case 'toUtf8':
      return new ToUtf8Filter(request, charset.table)
    case 'fromUtf8':
      return new FromUtf8Filter(request, charset.table)
  }
}

class ByteFilter implements BodyFilter {
  readonly #request: Request
  readonly #table: Uint8Array

  constructor(request: Request, table: Uint8Array) {
    this.#request = request
    this.#table = table
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    let writable = true
    for (let at = from; at < to; at += outputBytes) {
      const count = Math.min(to - at, outputBytes)
      for (let i = 0; i < count; i++) output[i] = this.#table[bytes[at + i]!]!
      writable = this.#request.passBody(this, output, 0, count)
    }
    return writable
  }

  end(): void {
    this.#request.passEnd(this)
  }
}

class ToUtf8Filter implements BodyFilter {
  readonly #request: Request
  readonly #table: readonly Uint8Array[]

  constructor(request: Request, table: readonly Uint8Array[]) {
    this.#request = request
    this.#table = table
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    let length = 0
    let writable = true
    for (let at = from; at < to; at++) {
      const character = this.#table[bytes[at]!]!
      for (let i = 0; i < character.length; i++) output[length++] = character[i]!
      if (length <= outputBytes - characterBytesMax) continue
      writable = this.#request.passBody(this, output, 0, length)
      length = 0
    }
    return length > 0 ? this.#request.passBody(this, output, 0, length) : writable
  }

  end(): void {
    this.#request.passEnd(this)
  }
}

class FromUtf8Filter implements BodyFilter {
  readonly #request: Request
  readonly #table: ReadonlyMap<number, number>
  /** The character that is being put together, and the bytes of it that are still to come. */
  #character = 0
  #missing = 0

  constructor(request: Request, table: ReadonlyMap<number, number>) {
    this.#request = request
    this.#table = table
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    let length = 0
    let writable = true
    for (let at = from; at < to; at++) {
      length = this.#take(bytes[at]!, length)
      if (length <= outputBytes - 2 * characterBytesMax) continue
      writable = this.#request.passBody(this, output, 0, length)
      length = 0
    }
    return length > 0 ? this.#request.passBody(this, output, 0, length) : writable
  }

  end(): void {
    this.#request.passEnd(this)
  }

  /** Adds a byte; writes a character when it is complete. Returns the new length of the output. */
  #take(byte: number, length: number): number {
    if (this.#missing > 0) {
      if ((byte & 0xc0) === 0x80) return this.#continue(byte, length)
      // The character was cut off: this byte begins the next one.
      this.#missing = 0
      output[length++] = unknownSign
    }
    if (byte < asciiCount) {
      output[length++] = byte
      return length
    }
    return this.#begin(byte, length)
  }

  #begin(byte: number, length: number): number {
    if (byte >= 0xc2 && byte < 0xe0) this.#open(byte & 0x1f, 1)
    else if (byte >= 0xe0 && byte < 0xf0) this.#open(byte & 0x0f, 2)
    else if (byte >= 0xf0 && byte < 0xf5) this.#open(byte & 0x07, 3)
    else output[length++] = unknownSign
    return length
  }

  #open(bits: number, missing: number): void {
    this.#character = bits
    this.#missing = missing
  }

  #continue(byte: number, length: number): number {
    this.#character = (this.#character << 6) | (byte & 0x3f)
    this.#missing -= 1
    if (this.#missing > 0) return length
    const known = this.#table.get(this.#character)
    if (known === undefined) return length + output.write(`&#${this.#character};`, length)
    output[length] = known
    return length + 1
  }
}
