/**
 * Declarative endpoints `/api/v1/config/<key>`: a dump of what is in force, and a partial document that is
 * merged into it.
 *
 * A document is a list of items, each of which becomes some edits. Items that cannot be applied are told in
 * `data`; the others are made in one transaction. The code says how it went: 0 all, 1 some, 4 none
 * (reference §0.3).
 *
 * ```text
 *   items ─▶ edits, one item on top of the other ─▶ the engine takes them all ────────────▶ done
 *              │ refused here: a fault               │ it does not: halves are tried
 *              └──────────────▶ data ◀───────────────┘ until those at fault are known,
 *                                                      then the others are made
 * ```
 */
import { type ApiRequest, changeResponse, json, notFound } from './api.ts'
import type { DynamicState } from './dynamic-state.ts'
import type { Edit } from './instruction.ts'
import { bodyBytesMax, declarationBytesMin } from './limits.ts'
import type { Schema } from './operation.ts'
import { type Part, PiecewiseResponse } from './piecewise-response.ts'
import type { ChangeResult, ControlPlane } from './plane.ts'
import { Refusal, replyCodes } from './refusal.ts'
import { type Fields, isFields, shapeFault } from './shape.ts'

/** What can be looked at. */
export interface Dump {
  /** `stream_dyn_map` */
  readonly key: string
  /** Schema of its document. */
  readonly schema: Schema
  /** Everything of this kind that is in force: the document, or its parts where it may be long. */
  dump(state: DynamicState): unknown
}

export interface Declaration extends Dump {
  /** Items of a document that has the shape of the schema. */
  items(document: Fields): readonly DeclaredItem[]
}

/** What fails or is done by itself. */
export interface DeclaredItem {
  /** Where it stands in the document, in front of what is said of it: `servers[0.0.0.0:80,a].locations[/]`. */
  readonly path: string
  /** Other words for what the engine says of it. */
  readonly explain?: (fault: string) => string
  /** Throws `Refusal`. */
  edits(state: DynamicState): readonly Edit[]
}

/** A document that may be long, in parts. */
export class DumpParts {
  readonly parts: Iterable<Part>

  constructor(parts: Iterable<Part>) {
    this.parts = parts
  }
}

export async function handleDeclaration(
  declaration: Declaration,
  request: ApiRequest,
  plane: ControlPlane,
): Promise<Response> {
  if (request.method === 'GET') return dumpResponse(declaration, plane)
  if (request.method !== 'PUT') return notFound()
  const document = parseDocument(request.body)
  if (document === undefined) {
    const megabytes = bodyBytesMax / 1024 / 1024
    const msg = `Request body should be a valid JSON object and less than ${megabytes}MB`
    return json(400, { code: 400, msg })
  }
  const fault = shapeFault(document, declaration.schema, '')
  if (fault !== undefined) return json(200, { code: replyCodes.invalidJson, msg: fault })
  try {
    return await new Merge(declaration.items(document), request, plane).run()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return json(200, error.reply)
  }
}

/** A dump; of ten thousand servers piece by piece, so that nobody waits meanwhile. */
export function dumpResponse(declaration: Dump, plane: ControlPlane): Response {
  const value = declaration.dump(plane.state())
  if (!(value instanceof DumpParts)) return json(200, value)
  return new PiecewiseResponse(value.parts)
}

/** One document on its way into the engine. */
class Merge {
  readonly #items: readonly DeclaredItem[]
  readonly #request: ApiRequest
  readonly #plane: ControlPlane
  /** What is wrong, by item. */
  readonly #faults = new Map<DeclaredItem, string>()

  constructor(items: readonly DeclaredItem[], request: ApiRequest, plane: ControlPlane) {
    this.#items = items
    this.#request = request
    this.#plane = plane
  }

  async run(): Promise<Response> {
    const first = await this.#change(this.#items, this.#request.dryRun)
    if (!isFault(first)) return this.#answer(first)
    const candidates = this.#items.filter((item) => !this.#faults.has(item))
    const [only, ...others] = candidates
    if (only !== undefined && others.length === 0) this.#faults.set(only, first.reply.msg)
    const sound = others.length === 0 ? [] : await this.#soundOf(candidates, [])
    if (sound.length === 0) return this.#answer(first)
    return this.#answer(await this.#change(sound, this.#request.dryRun))
  }

  /** `taken`, and those of the items that the engine takes beside them. */
  async #soundOf(
    items: readonly DeclaredItem[],
    taken: readonly DeclaredItem[],
  ): Promise<readonly DeclaredItem[]> {
    const all = [...taken, ...items]
    const result = await this.#change(all, true)
    if (!isFault(result)) return all.filter((item) => !this.#faults.has(item))
    const [only, ...others] = items
    if (only === undefined) return taken
    if (others.length === 0) {
      if (!this.#faults.has(only)) this.#faults.set(only, result.reply.msg)
      return taken
    }
    const middle = Math.ceil(items.length / 2)
    const left = await this.#soundOf(items.slice(0, middle), taken)
    return this.#soundOf(items.slice(middle), left)
  }

  /** Asks the engine for all items at once that make edits. */
  async #change(items: readonly DeclaredItem[], dryRun: boolean): Promise<ChangeResult> {
    const { action, actor, timeoutMs } = this.#request
    const edits = (start: DynamicState): readonly Edit[] => {
      const made = this.#editsOf(items, start)
      if (made.length === 0 && this.#failed(items)) throw nothingDone
      return made
    }
    try {
      return await this.#plane.change({ edits, action, actor, dryRun, timeoutMs })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { kind: 'refused', reply: error.reply }
    }
  }

  /** Item by item, each on top of those before it. */
  #editsOf(items: readonly DeclaredItem[], start: DynamicState): readonly Edit[] {
    const edits: Edit[] = []
    let state = start
    for (const item of items) {
      try {
        const made = item.edits(state)
        state = state.edit(state.complete(made))
        edits.push(...made)
        this.#faults.delete(item)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        this.#faults.set(item, error.message)
      }
    }
    return edits
  }

  #failed(items: readonly DeclaredItem[]): boolean {
    return items.length > 0 && items.every((item) => this.#faults.has(item))
  }

  #answer(result: ChangeResult): Response {
    const done = result.kind === 'done'
    if ((!done && !isFault(result)) || (done && this.#faults.size === 0)) {
      return changeResponse(result)
    }
    const data = this.#items.flatMap((item) => {
      const told = this.#faults.get(item)
      if (told === undefined) return []
      const fault = item.explain?.(told) ?? told
      return [`${item.path}${separator(item.path, fault)}${fault}`]
    })
    if (done) return json(200, { data, code: replyCodes.partial, msg: 'partial success.' })
    // What concerns no single item, or all together, is said by itself.
    const msg = data.length > 0 ? nothingDone.reply.msg : result.reply.msg
    return json(200, { data, code: replyCodes.failure, msg })
  }
}

const nothingDone = new Refusal(replyCodes.failure, 'update dyn conf error.')

/** Something in the document does not please the engine; anything else would not be better with less of it. */
function isFault(
  result: ChangeResult,
): result is Extract<ChangeResult, { readonly kind: 'refused' }> {
  return result.kind === 'refused' && result.reply.code === replyCodes.failure
}

/** Messages of the reference bring their blank along. */
function separator(path: string, fault: string): string {
  return path === '' || fault.startsWith(' ') ? '' : ' '
}

function parseDocument(text: string | undefined): Fields | undefined {
  if (text === undefined || text.length < declarationBytesMin) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isFields(value) ? value : undefined
  } catch {
    return undefined
  }
}
