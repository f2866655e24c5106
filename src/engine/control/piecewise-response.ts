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

/** Text or bytes as they are written, a value, and nothing where only time has passed. */
export type Part = string | Uint8Array | { readonly json: unknown } | undefined

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
  for (const part of parts) yield isJson(part) ? { json: change(part.json) } : part
}

function isJson(part: Part): part is { readonly json: unknown } {
  return typeof part === 'object' && 'json' in part
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
    // A turn may bring nothing at all, and is not asked for again then.
    for (let piece: readonly Uint8Array[] = []; piece.length === 0 && !this.#isOver;) {
      if (this.#hasBegun) await nextTurn()
      if (this.#isUnwanted) return
      this.#hasBegun = true
      piece = this.#piece()
      for (const bytes of piece) controller.enqueue(bytes)
    }
    if (this.#isOver) controller.close()
  }

  /** What comes of one turn. */
  #piece(): readonly Uint8Array[] {
    const until = this.#now() + pieceMs
    const piece: Uint8Array[] = []
    let text = ''
    const flush = (): void => {
      if (text !== '') piece.push(Buffer.from(text))
      text = ''
    }
    do {
      const { done, value } = this.#parts.next()
      if (done === true) this.#isOver = true
      else if (typeof value === 'string') text += value
      else if (value instanceof Uint8Array) {
        flush()
        if (value.length > 0) piece.push(value)
      } else if (value !== undefined) text += JSON.stringify(value.json)
    } while (!this.#isOver && text.length < pieceCharsMax && this.#now() < until)
    flush()
    return piece
  }

  cancel(): void {
    this.#isUnwanted = true
    this.#parts.return?.()
  }
}
