/** Picks the parts that are asked for out of a body that passes by. */
import type { BodyFilter } from './body-filter.ts'
import type { BodyPart, ByteRanges } from './range.ts'
import type { Request } from './request.ts'

/** Where in its buffer a piece lies. */
interface Piece {
  readonly from: number
  readonly to: number
}

export class RangeFilter implements BodyFilter {
  readonly #request: Request
  readonly #ranges: ByteRanges
  /** Place in the body of the next byte that comes. */
  #at = 0
  #part = 0

  /** The parts must be in the order of the body. */
  constructor(request: Request, ranges: ByteRanges) {
    this.#request = request
    this.#ranges = ranges
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    const { parts } = this.#ranges
    const end = this.#at + to - from
    let writable = true
    for (; this.#part < parts.length; this.#part++) {
      const part = parts[this.#part]!
      if (part.start >= end) break
      writable = this.#pass(part, bytes, { from, to })
      if (part.end > end) break
    }
    this.#at = end
    return writable
  }

  /** Passes on what a piece has of a part. */
  #pass({ head, start, end }: BodyPart, bytes: Buffer, { from, to }: Piece): boolean {
    const request = this.#request
    // From places in the body to places in the buffer.
    const shift = from - this.#at
    const first = Math.max(start, this.#at)
    if (first === start && head !== undefined) request.passBody(this, head, 0, head.length)
    return request.passBody(this, bytes, first + shift, Math.min(end + shift, to))
  }

  end(): void {
    const { tail } = this.#ranges
    if (tail !== undefined) this.#request.passBody(this, tail, 0, tail.length)
    this.#request.passEnd(this)
  }
}
