/**
 * An answer that is made while it is sent: of ten thousand groups, nobody else waits for that.
 *
 * ```text
 *   reader asks ─▶ parts, for as long as a piece may take ─▶ `[{"name":"a",…},{…}`
 *   reader asks ─▶ a turn of the event loop, for everybody else ─▶ `,{…},{…}]`
 * ```
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { monotonicMs } from '../core/monotonic.ts'
import { pieceCharsMax, pieceMs } from './limits.ts'

/** Text as it is written, which may be empty where only time has passed, and a value. */
export type Part = string | { readonly json: unknown }

const jsonHeaders = { 'content-type': 'application/json' } as const

export class PiecewiseResponse extends globalThis.Response {
  readonly #parts: Iterable<Part>

  /** Nothing is taken of the parts before the body is read. */
  constructor(
    parts: Iterable<Part>,
    headers: Headers | Readonly<Record<string, string>> = jsonHeaders,
  ) {
    const source = new PieceSource(parts[Symbol.iterator](), monotonicMs)
    super(new ReadableStream(source, { highWaterMark: 0 }), { headers })
    this.#parts = parts
  }

  /** The same with other values, to be sent in place of this one. */
  map(change: (value: unknown) => unknown): PiecewiseResponse {
    return new PiecewiseResponse(changedParts(this.#parts, change), this.headers)
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

/** The parts of an object, whose values may be made of parts themselves. */
export function* objectParts(
  entries: Iterable<readonly [name: string, value: { readonly json: unknown } | Iterable<Part>]>,
): Generator<Part, void, undefined> {
  let before = '{'
  for (const [name, value] of entries) {
    yield `${before}${JSON.stringify(name)}:`
    if (Symbol.iterator in value) yield* value
    else yield value
    before = ','
  }
  yield before === '{' ? '{}' : '}'
}

/** Gives a piece each time that it is asked for one; `now` is in milliseconds. */
export class PieceSource {
  readonly #parts: Iterator<Part>
  readonly #now: () => number
  #hasBegun = false
  #isOver = false
  #isUnwanted = false

  constructor(parts: Iterator<Part>, now: () => number) {
    this.#parts = parts
    this.#now = now
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    // A turn may bring no text at all, and is not asked for again then.
    for (let text = ''; text === '' && !this.#isOver;) {
      if (this.#hasBegun) await nextTurn()
      if (this.#isUnwanted) return
      this.#hasBegun = true
      text = this.#piece()
      if (text !== '') controller.enqueue(Buffer.from(text))
    }
    if (this.#isOver) controller.close()
  }

  /** What comes of one turn. */
  #piece(): string {
    const until = this.#now() + pieceMs
    let text = ''
    do {
      const { done, value } = this.#parts.next()
      if (done === true) this.#isOver = true
      else text += typeof value === 'string' ? value : JSON.stringify(value.json)
    } while (!this.#isOver && text.length < pieceCharsMax && this.#now() < until)
    return text
  }

  cancel(): void {
    this.#isUnwanted = true
    this.#parts.return?.()
  }
}
