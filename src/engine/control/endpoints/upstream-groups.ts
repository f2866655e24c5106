/**
 * `/api/v1/dyn_ups` and `/api/v1/dyn_stream_ups`: upstream groups (reference §1b).
 *
 * `POST` adds, `PUT` deletes, `GET` lists the dynamic ones.
 */
import { type ApiRequest, type Endpoint, json, notFound } from '../api.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { groupsOf } from '../group-index.ts'
import { type InstructionDescription, instructionOperations } from '../instruction-operations.ts'
import {
  badRequest,
  changeByInstruction,
  type Fields,
  parseInstruction,
  typeOf,
} from '../instruction-request.ts'
import type { Edit } from '../instruction.ts'
import {
  type GroupBody,
  type GroupKind,
  httpGroup,
  streamGroup,
} from '../instructions/upstream-group.ts'
import type { Schema } from '../operation.ts'
import { Refusal, replyCodes } from '../refusal.ts'

interface GroupRequest extends GroupBody {
  readonly type: 'add' | 'del'
}

const identity: Readonly<Record<string, Schema>> = {
  upstream_name: { type: 'string', examples: ['backend'] },
}

const body = 'zone backend 64k; server 127.0.0.1:8080;'

function describe(path: string, groups: string): InstructionDescription {
  return {
    path,
    list: {
      summary: `Lists dynamic upstream groups of ${groups}`,
      description: 'The groups that were added by the API.',
    },
    add: {
      summary: `Adds an upstream group of ${groups}`,
      description: 'It must have a zone of its own.',
      properties: { ...identity, upstream_body: { type: 'string', examples: [body] } },
      required: ['upstream_name', 'upstream_body'],
      example: { upstream_name: 'backend', upstream_body: body },
    },
    del: {
      summary: `Deletes a dynamic upstream group of ${groups}`,
      description: 'Refused as long as something refers to it.',
      properties: identity,
      required: ['upstream_name'],
    },
  }
}

export const httpGroups: Endpoint = createGroups(httpGroup, {
  module: 'http_dyn_upstream_module',
  about: describe('/v1/dyn_ups', 'the http block'),
})

export const streamGroups: Endpoint = createGroups(streamGroup, {
  module: 'stream_dyn_upstream_module',
  about: describe('/v1/dyn_stream_ups', 'the stream block'),
})

function createGroups(
  kind: GroupKind,
  { module, about }: { readonly module: string; readonly about: InstructionDescription },
): Endpoint {
  return {
    key: about.path,
    operations: instructionOperations(about),
    handle: async (request, plane) => {
      if (request.path.length > 0) return notFound()
      if (request.method === 'GET') return json(200, { upstreams: list(plane.state(), kind) })
      if (request.method !== 'POST' && request.method !== 'PUT') return notFound()
      const fields = parseRequest(request)
      if (typeof fields === 'string') return badRequest(fields)
      const edits = (state: DynamicState): readonly Edit[] => [
        fields.type === 'add'
          ? addition(state, kind, fields, request.body!)
          : removal(state, kind, fields.upstream_name),
      ]
      return changeByInstruction(request, plane, { module, edits })
    },
  }
}

function addition(
  { tree }: DynamicState,
  kind: GroupKind,
  { upstream_name }: GroupRequest,
  text: string,
): Edit {
  const name = upstream_name.trim()
  // The key is the name's own: what is there already must not be exchanged.
  if (groupsOf(tree, kind.subsystem).find(name) !== undefined) {
    throw new Refusal(replyCodes.notAllowed, `error:upstream[${name}] exist!`)
  }
  return { key: kind.keyOf(name), body: text }
}

function removal({ tree, instructions }: DynamicState, kind: GroupKind, text: string): Edit {
  const name = text.trim()
  const node = groupsOf(tree, kind.subsystem).find(name)
  if (node === undefined) {
    throw new Refusal(replyCodes.failure, `error:no find upstream [${name}]!`)
  }
  const key = kind.keyOf(node.args[0]!)
  if (instructions.has(key)) return { key, body: null }
  throw new Refusal(replyCodes.notAllowed, `fail:upstream [${name}] is static!`)
}

function list({ instructions }: DynamicState, { topic }: GroupKind): readonly GroupBody[] {
  const groups: GroupBody[] = []
  for (const [key, text] of instructions.entries()) {
    if (!key.startsWith(topic)) continue
    const { upstream_name, upstream_body } = JSON.parse(text) as GroupBody
    groups.push({ upstream_name, ...(upstream_body !== undefined && { upstream_body }) })
  }
  return groups.sort((a, b) => a.upstream_name.localeCompare(b.upstream_name))
}

const parameters: ReadonlySet<string> = new Set(['type', 'upstream_name', 'upstream_body'])

/** The request, or the message of the first check it fails. */
function parseRequest(request: ApiRequest): GroupRequest | string {
  const form = { parameters, noun: 'upstream', addressed: false }
  const fields = parseInstruction(request, form)
  if (typeof fields === 'string') return fields
  return checkTexts(fields) ?? { ...(fields as unknown as GroupRequest), type: typeOf(fields) }
}

/** A word of the configuration that needs no quotes, and a level of a topic. */
const nameForm = /^[^\s"'{};#+$\\/]+$/

function checkTexts({ upstream_name, upstream_body }: Fields): string | undefined {
  if (upstream_name === undefined) return 'upstream_name is null!'
  if (typeof upstream_name !== 'string') return 'upstream_name error!'
  const name = upstream_name.trim()
  if (name === '') return 'upstream_name is null!'
  if (!nameForm.test(name)) return 'upstream_name error!'
  return upstream_body !== undefined && typeof upstream_body !== 'string'
    ? 'upstream_body error!'
    : undefined
}
