/** Cuts the part that is asked for out of a body that passes by. */
import type { BodyFilter } from './body-filter.ts'
import type { ByteRange } from './range.ts'
import type { Request } from './request.ts'

export class RangeFilter implements BodyFilter {
  readonly #request: Request
  readonly #range: ByteRange
  /** Place in the body of the next byte that comes. */
  #at = 0

  constructor(request: Request, range: ByteRange) {
    this.#request = request
    this.#range = range
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    // From places in the body to places in the buffer.
    const shift = from - this.#at
    this.#at += to - from
    const start = Math.max(this.#range.start + shift, from)
    const end = Math.min(this.#range.end + shift, to)
    return start >= end || this.#request.passBody(this, bytes, start, end)
  }

  end(): void {
    this.#request.passEnd(this)
  }
}
