/** Puts texts in the place of others in a body. */
import type { ComplexValue } from '../../core/complex-value.ts'
import type { BodyFilter } from '../body-filter.ts'
import type { Request } from '../request.ts'
import { TextSearch } from './text-search.ts'

export interface Substitution {
  readonly text: ComplexValue
  readonly replacement: ComplexValue
}

export class SubFilter implements BodyFilter {
  readonly #request: Request
  readonly #once: boolean
  /** What is still looked for. */
  #substitutions: readonly Substitution[]
  #search: TextSearch | undefined
  /** Values of replacements, each evaluated when it is first needed. */
  readonly #values = new Map<Substitution, Buffer>()
  /** End of the last piece, which may be the beginning of an occurrence. */
  #held: Buffer | undefined = undefined

  constructor(request: Request, substitutions: readonly Substitution[], once: boolean) {
    this.#request = request
    this.#once = once
    this.#substitutions = substitutions
    this.#search = searchFor(substitutions, request)
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    const held = this.#held
    if (held === undefined) return this.#replace(bytes.subarray(from, to), false)
    this.#held = undefined
    return this.#replace(Buffer.concat([held, bytes.subarray(from, to)]), false)
  }

  flush(): boolean {
    return this.#request.passFlush(this)
  }

  end(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#replace(held, true)
    this.#request.passEnd(this)
  }

  /** Passes a piece on with what was replaced in it; keeps its end where it is not `last`. */
  #replace(bytes: Buffer, last: boolean): boolean {
    const haystack = this.#search === undefined ? '' : bytes.toString('latin1')
    let writable = true
    let at = 0
    for (;;) {
      const search = this.#search
      if (search === undefined) return this.#pass(bytes, at, bytes.length) && writable
      const found = search.find(haystack, at)
      const unfinished = last ? bytes.length : search.unfinished(haystack, at)
      if (found === undefined || found.start >= unfinished) {
        writable = this.#pass(bytes, at, unfinished) && writable
        if (unfinished < bytes.length) this.#held = Buffer.from(bytes.subarray(unfinished))
        return writable
      }
      this.#pass(bytes, at, found.start)
      const value = this.#valueOf(this.#substitutions[found.index]!)
      writable = this.#pass(value, 0, value.length)
      at = found.end
      if (this.#once) this.#forget(found.index)
    }
  }

  #pass(bytes: Buffer, from: number, to: number): boolean {
    return from >= to || this.#request.passBody(this, bytes, from, to)
  }

  #valueOf(substitution: Substitution): Buffer {
    let value = this.#values.get(substitution)
    if (value === undefined) {
      value = Buffer.from(substitution.replacement.evaluate(this.#request))
      this.#values.set(substitution, value)
    }
    return value
  }

  /** Each is replaced once only. */
  #forget(index: number): void {
    this.#substitutions = this.#substitutions.filter((_, i) => i !== index)
    this.#search = searchFor(this.#substitutions, this.#request)
  }
}

/** Searches of texts without variables, which is nearly all of them. */
const searches = new WeakMap<readonly Substitution[], TextSearch>()

function searchFor(
  substitutions: readonly Substitution[],
  request: Request,
): TextSearch | undefined {
  if (substitutions.length === 0) return undefined
  const known = searches.get(substitutions)
  if (known !== undefined) return known
  const search = new TextSearch(
    substitutions.map(({ text }) => Buffer.from(text.evaluate(request)).toString('latin1')),
  )
  if (substitutions.every(({ text }) => text.constant !== undefined)) {
    searches.set(substitutions, search)
  }
  return search
}
