/**
 * An answer in JSON that is made while it is sent: of ten thousand groups, nobody else waits for that.
 *
 * ```text
 *   reader asks ─▶ parts, for as long as a piece may take ─▶ `[{"name":"a",…},{…}`
 *   reader asks ─▶ a turn of the event loop, for everybody else ─▶ `,{…},{…}]`
 * ```
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { monotonicMs } from '../core/monotonic.ts'
import { pieceCharsMax, pieceMs } from './limits.ts'

/** What stands between values as it is written, and a value. */
export type Part = string | { readonly json: unknown }

export class PiecewiseResponse extends globalThis.Response {
  readonly #parts: Iterable<Part>

  /** Nothing is taken of the parts before the body is read. */
  constructor(parts: Iterable<Part>) {
    const source = new PieceSource(parts[Symbol.iterator](), monotonicMs)
    super(new ReadableStream(source, { highWaterMark: 0 }), {
      headers: { 'content-type': 'application/json' },
    })
    this.#parts = parts
  }

  /** The same with other values, to be sent in place of this one. */
  map(change: (value: unknown) => unknown): PiecewiseResponse {
    return new PiecewiseResponse(changedParts(this.#parts, change))
  }
}

function* changedParts(
  parts: Iterable<Part>,
  change: (value: unknown) => unknown,
): Generator<Part, void, undefined> {
  for (const part of parts) yield typeof part === 'string' ? part : { json: change(part.json) }
}

/** The parts of a list. */
export function* listParts(values: Iterable<unknown>): Generator<Part, void, undefined> {
  let before = '['
  for (const json of values) {
    yield before
    yield { json }
    before = ','
  }
  yield before === '[' ? '[]' : ']'
}

/** Gives a piece each time that it is asked for one; `now` is in milliseconds. */
export class PieceSource {
  readonly #parts: Iterator<Part>
  readonly #now: () => number
  #hasBegun = false

  constructor(parts: Iterator<Part>, now: () => number) {
    this.#parts = parts
    this.#now = now
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#hasBegun) await nextTurn()
    this.#hasBegun = true
    const until = this.#now() + pieceMs
    let text = ''
    let isLast = false
    do {
      const { done, value } = this.#parts.next()
      if (done === true) isLast = true
      else text += typeof value === 'string' ? value : JSON.stringify(value.json)
    } while (!isLast && text.length < pieceCharsMax && this.#now() < until)
    if (text !== '') controller.enqueue(Buffer.from(text))
    if (isLast) controller.close()
  }

  cancel(): void {
    this.#parts.return?.()
  }
}
