/**
 * Declarative endpoints `/api/v1/config/<key>`: a dump of what is in force, and a partial document that is
 * merged into it.
 *
 * An item of the document becomes one or more edits. Items that cannot be applied are told in `data`; the
 * others are made in one transaction. The code says how it went: 0 all, 1 some, 4 none (reference §0.3).
 */
import { type ApiRequest, changeResponse, json, notFound } from './api.ts'
import type { DynamicState } from './dynamic-state.ts'
import type { Edit } from './instruction.ts'
import { bodyBytesMax, declarationBytesMin } from './limits.ts'
import type { Schema } from './operation.ts'
import type { ControlPlane } from './plane.ts'
import { Refusal, replyCodes } from './refusal.ts'

/** What can be looked at. */
export interface Dump {
  /** `stream_dyn_map` */
  readonly key: string
  /** Schema of its document. */
  readonly schema: Schema
  /** Everything of this kind that is in force. */
  dump(state: DynamicState): unknown
}

export interface Declaration extends Dump {
  /** Items of a document; throws `Refusal` when the document as a whole is not of its shape. */
  items(document: unknown): readonly unknown[]
  /** Edits for one item; throws `Refusal`. */
  toEdits(item: unknown, state: DynamicState): readonly Edit[]
}

export async function handleDeclaration(
  declaration: Declaration,
  request: ApiRequest,
  plane: ControlPlane,
): Promise<Response> {
  if (request.method === 'GET') return json(200, declaration.dump(plane.state()))
  if (request.method !== 'PUT') return notFound()
  const document = parseDocument(request.body)
  if (document === undefined) {
    const megabytes = bodyBytesMax / 1024 / 1024
    const msg = `Request body should be a valid JSON object and less than ${megabytes}MB`
    return json(400, { code: 400, msg })
  }
  try {
    return await merge(declaration, document, request, plane)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return json(200, error.reply)
  }
}

async function merge(
  declaration: Declaration,
  document: unknown,
  request: ApiRequest,
  plane: ControlPlane,
): Promise<Response> {
  const items = declaration.items(document)
  let faults: readonly string[] = []
  const edits = (state: DynamicState): readonly Edit[] => {
    const tried = tryItems(declaration, items, state)
    faults = tried.faults
    if (faults.length === 0 || faults.length < items.length) return tried.edits
    throw new Refusal(replyCodes.failure, 'update dyn conf error.', faults)
  }
  const { action, actor, dryRun, timeoutMs } = request
  const result = await plane.change({ edits, action, actor, dryRun, timeoutMs })
  if (result.kind !== 'done' || faults.length === 0) return changeResponse(result)
  return json(200, { data: faults, code: replyCodes.partial, msg: 'partial success.' })
}

/** Item by item, each on top of those before it. */
function tryItems(
  declaration: Declaration,
  items: readonly unknown[],
  start: DynamicState,
): { readonly edits: readonly Edit[]; readonly faults: readonly string[] } {
  const edits: Edit[] = []
  const faults: string[] = []
  let state = start
  for (const item of items) {
    try {
      const made = declaration.toEdits(item, state)
      state = state.edit(made)
      edits.push(...made)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      faults.push(error.message)
    }
  }
  return { edits, faults }
}

function parseDocument(text: string | undefined): unknown {
  if (text === undefined || text.length < declarationBytesMin) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? (value ?? undefined) : undefined
  } catch {
    return undefined
  }
}

/** A field of a document that must be a list of strings. */
export function stringList(value: unknown, name: string): readonly string[] {
  const valid = Array.isArray(value) && value.every((item) => typeof item === 'string')
  if (!valid) throw new Refusal(replyCodes.invalidJson, `"${name}" must be a list of strings`)
  return value
}

/** A field of a document that must be a string that says something. */
export function nonEmptyString(value: unknown, name: string): string {
  if (typeof value !== 'string' || value.trim() === '') {
    throw new Refusal(replyCodes.invalidJson, `"${name}" must be a non-empty string`)
  }
  return value
}

/** The list under `name` of a document; anything but a list of objects is refused. */
export function objectList(document: unknown, name: string): readonly Record<string, unknown>[] {
  const list = (document as Record<string, unknown>)[name]
  const valid =
    Array.isArray(list) && list.every((item) => typeof item === 'object' && item !== null)
  if (!valid) throw new Refusal(replyCodes.invalidJson, `"${name}" must be a list of objects`)
  return list
}
