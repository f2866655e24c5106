/**
 * Filters of response bodies, and the way of a body through them.
 *
 * ```text
 *   producer ──write──▶ sub ──pass──▶ gzip ──pass──▶ carrier
 *      ▲                                               │
 *      └────────── onWritable, last filter first ◀─────┘
 * ```
 *
 * A header filter adds one to the requests whose bodies it changes; all others pay one comparison.
 */
import type { Request } from './request.ts'

export interface BodyFilter {
  /** Takes a piece, valid during the call only. False: wait until there is room again. */
  write(bytes: Buffer, from: number, to: number): boolean
  /** The body is complete: passes on what is left, then its end. */
  end(): void
  /**
   * Passes on what it holds back, then `passFlush`: the client is to have all that was written. False: wait
   * until there is room again.
   */
  flush?(): boolean
  /** There is room behind it again; true when what stands before it may go on too. */
  onWritable?(): boolean
  /** The request is over before the body was. */
  onAbort?(): void
}

/** The filters of one response, in order. */
export class BodyFilters {
  readonly #request: Request
  readonly #filters: BodyFilter[] = []

  constructor(request: Request) {
    this.#request = request
  }

  clear(): void {
    this.#filters.length = 0
  }

  get empty(): boolean {
    return this.#filters.length === 0
  }

  add(filter: BodyFilter): void {
    this.#filters.push(filter)
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    return this.#filters[0]!.write(bytes, from, to)
  }

  end(): void {
    this.#filters[0]!.end()
  }

  /** Hands a piece to what stands behind a filter. */
  pass(filter: BodyFilter, bytes: Buffer, from: number, to: number): boolean {
    const next = this.#filters[this.#filters.indexOf(filter) + 1]
    if (next === undefined) return this.#request.send(bytes, from, to)
    return next.write(bytes, from, to)
  }

  passEnd(filter: BodyFilter): void {
    const next = this.#filters[this.#filters.indexOf(filter) + 1]
    if (next === undefined) this.#request.finish()
    else next.end()
  }

  flush(): boolean {
    return this.#flushFrom(0)
  }

  passFlush(filter: BodyFilter): boolean {
    return this.#flushFrom(this.#filters.indexOf(filter) + 1)
  }

  /** The first filter from there on that holds anything back; it passes the flush on. */
  #flushFrom(index: number): boolean {
    for (let i = index; i < this.#filters.length; i++) {
      const filter = this.#filters[i]!
      if (filter.flush !== undefined) return filter.flush()
    }
    return true
  }

  /** The first filter that `test` takes. */
  find<F extends BodyFilter>(test: (filter: BodyFilter) => filter is F): F | undefined {
    return this.#filters.find(test)
  }

  /** True when the producer may go on. */
  onWritable(): boolean {
    for (let i = this.#filters.length - 1; i >= 0; i--) {
      if (this.#filters[i]!.onWritable?.() === false) return false
    }
    return true
  }

  onAbort(): void {
    for (const filter of this.#filters.splice(0)) filter.onAbort?.()
  }
}
