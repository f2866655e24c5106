/**
 * `/api/v1/stream_srv` and `/api/v1/dyn_srv`: virtual servers of a subsystem (reference §1b, §2).
 *
 * `POST` adds, `PUT` deletes, `GET` lists the dynamic ones. What is wrong with the request itself is an
 * HTTP 400 in plain text, in the documented order of checks; what the engine refuses is an HTTP 200 with a code.
 */
import { crc32 } from 'node:zlib'
import { type ApiRequest, type Endpoint, json, notFound } from '../api.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { type InstructionDescription, instructionOperations } from '../instruction-operations.ts'
import {
  badRequest,
  changeByInstruction,
  type Fields,
  freeKey,
  parseInstruction,
  typeOf,
} from '../instruction-request.ts'
import type { Edit } from '../instruction.ts'
import { findVirtualServer, type VirtualServerKind } from '../instructions/virtual-server.ts'
import type { VirtualServerBody } from '../instructions/virtual-server-text.ts'
import { listenKey, parseAddrPort } from '../listen-address.ts'
import { Refusal, replyCodes } from '../refusal.ts'

export interface VirtualServersOptions {
  readonly kind: VirtualServerKind
  /** What the data plane must have loaded. */
  readonly module: string
  readonly about: InstructionDescription
}

interface ServerRequest extends VirtualServerBody {
  readonly type: 'add' | 'del'
}

const parameters: ReadonlySet<string> = new Set([
  'type',
  'addr_port',
  'server_name',
  'listen_option',
  'server_body',
])

export function createVirtualServers({ kind, module, about }: VirtualServersOptions): Endpoint {
  return {
    key: about.path,
    operations: instructionOperations(about),
    handle: async (request, plane) => {
      if (request.path.length > 0) return notFound()
      if (request.method === 'GET') return json(200, { servers: list(plane.state(), kind) })
      if (request.method !== 'POST' && request.method !== 'PUT') return notFound()
      const body = parseRequest(request)
      if (typeof body === 'string') return badRequest(body)
      const edits = (state: DynamicState): readonly Edit[] =>
        body.type === 'add'
          ? [addition(state, kind, body, request.body!)]
          : [removal(state, kind, body)]
      return changeByInstruction(request, plane, { module, edits })
    },
  }
}

function addition(
  { instructions }: DynamicState,
  { topic }: VirtualServerKind,
  { addr_port, server_name = '' }: ServerRequest,
  text: string,
): Edit {
  const wanted = `${topic}s_${crc32(addr_port + server_name)}`
  return { key: freeKey((key) => instructions.has(key), wanted), body: text }
}

function removal(
  state: DynamicState,
  { form: { subsystem } }: VirtualServerKind,
  { addr_port, server_name = '' }: ServerRequest,
): Edit {
  const index = state[subsystem]
  if (!index.hasBlock) {
    throw new Refusal(replyCodes.failure, `no ${subsystem} module when del vs!`)
  }
  const server = findVirtualServer(index, parseAddrPort(addr_port)!, server_name)
  if (server === undefined) {
    const msg = `error:host[${addr_port}],no find server [${server_name}]!`
    throw new Refusal(replyCodes.failure, msg)
  }
  if (server.instruction === undefined) {
    throw new Refusal(replyCodes.notAllowed, 'only dynamic server,can to be delete!')
  }
  return { key: server.instruction, body: null }
}

function list(state: DynamicState, { topic }: VirtualServerKind): readonly VirtualServerBody[] {
  const servers: VirtualServerBody[] = []
  for (const [key, text] of state.instructions.entries()) {
    if (!key.startsWith(topic)) continue
    const { addr_port, server_name, listen_option, server_body } = JSON.parse(text)
    servers.push({ addr_port, server_name, listen_option, server_body })
  }
  return servers.sort((a, b) => sortKey(a).localeCompare(sortKey(b)))
}

function sortKey({ addr_port, server_name = '' }: VirtualServerBody): string {
  return `${listenKey(parseAddrPort(addr_port)!)} ${server_name}`
}

/** The request, or the message of the first check it fails. */
function parseRequest(request: ApiRequest): ServerRequest | string {
  const fields = parseInstruction(request, { parameters, noun: 'server' })
  if (typeof fields === 'string') return fields
  return checkTexts(fields) ?? { ...(fields as unknown as ServerRequest), type: typeOf(fields) }
}

function checkTexts(fields: Fields): string | undefined {
  const { server_name, listen_option, server_body } = fields
  if (server_name !== undefined && typeof server_name !== 'string') return 'server_name error!'
  const missing = server_name === undefined && typeOf(fields) === 'del'
  if (missing || (typeof server_name === 'string' && server_name.trim() === '')) {
    return 'server_name is null!'
  }
  if (listen_option !== undefined && typeof listen_option !== 'string') {
    return 'listen_option error!'
  }
  return server_body !== undefined && typeof server_body !== 'string'
    ? 'server_body error!'
    : undefined
}
