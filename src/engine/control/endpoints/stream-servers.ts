/**
 * `/api/v1/stream_srv`: virtual servers of the stream block (reference §2).
 *
 * `POST` adds, `PUT` deletes, `GET` lists the dynamic ones. What is wrong with the request itself is an
 * HTTP 400 in plain text, in the documented order of checks; what the engine refuses is an HTTP 200 with a code.
 */
import { crc32 } from 'node:zlib'
import { type ApiRequest, changeResponse, type Endpoint, json, notFound, plain } from '../api.ts'
import type { DynamicState } from '../dynamic-state.ts'
import type { Edit } from '../instruction.ts'
import {
  findStreamServer,
  streamServer,
  type StreamServerBody,
} from '../instructions/stream-server.ts'
import { listenKey, parseAddrPort } from '../listen-address.ts'
import { loadsModule } from '../loaded-modules.ts'
import { instructionBytesMin } from '../limits.ts'
import { overridesOf } from '../overrides.ts'
import {
  changeResponses,
  dryRunParameter,
  type Operation,
  replySchema,
  type ResponseNote,
  type Schema,
} from '../operation.ts'
import type { ControlPlane } from '../plane.ts'
import { formatReply, Refusal, replyCodes } from '../refusal.ts'

interface StreamServerRequest extends StreamServerBody {
  readonly type: 'add' | 'del'
}

const invalidRequest: ResponseNote = {
  description: 'The request is not of its form.',
  type: 'text/plain',
  schema: replySchema,
}

const parameters: ReadonlySet<string> = new Set([
  'type',
  'addr_port',
  'server_name',
  'listen_option',
  'server_body',
])

const identity: Readonly<Record<string, Schema>> = {
  addr_port: {
    type: 'string',
    description: 'Address and port; " udp" behind it for datagrams.',
    examples: ['0.0.0.0:22222'],
  },
  server_name: { type: 'string', examples: ['server-17082'] },
}

const operations: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/stream_srv',
    summary: 'Lists dynamic stream servers',
    responses: { 200: { description: 'The servers that were added by the API.' } },
  },
  {
    method: 'post',
    path: '/v1/stream_srv',
    summary: 'Adds a stream server',
    description:
      'On an address that is listened on already, or on a new port, which is then opened.',
    query: [dryRunParameter],
    body: {
      type: 'object',
      additionalProperties: false,
      properties: {
        type: { type: 'string', const: 'add' },
        ...identity,
        listen_option: {
          type: 'string',
          description: 'Options of a new port: ssl, proxy_protocol, …',
        },
        server_body: { type: 'string', examples: ['return "17082 ok";'] },
      },
      required: ['type', 'addr_port', 'server_name', 'server_body'],
      examples: [
        {
          type: 'add',
          addr_port: '0.0.0.0:22222',
          server_name: 'server-17082',
          server_body: 'return "17082 ok";',
        },
      ],
    },
    responses: { ...changeResponses, 400: invalidRequest },
  },
  {
    method: 'put',
    path: '/v1/stream_srv',
    summary: 'Deletes a dynamic stream server',
    description:
      'Its live sessions are closed; a port that was opened for it is closed with its last server.',
    query: [dryRunParameter],
    body: {
      type: 'object',
      additionalProperties: false,
      properties: { type: { type: 'string', const: 'del' }, ...identity },
      required: ['type', 'addr_port', 'server_name'],
    },
    responses: { ...changeResponses, 400: invalidRequest },
  },
]

export const streamServers: Endpoint = {
  key: '/v1/stream_srv',
  operations,
  handle: async (request, plane) => {
    if (request.path.length > 0) return notFound()
    if (request.method === 'GET') return json(200, { servers: list(plane.state()) })
    if (request.method !== 'POST' && request.method !== 'PUT') return notFound()
    const body = parseRequest(request)
    if (typeof body === 'string') return plain(400, formatReply({ code: 4, msg: body }))
    return change(body, request, plane)
  },
}

async function change(
  body: StreamServerRequest,
  request: ApiRequest,
  plane: ControlPlane,
): Promise<Response> {
  if (!loadsModule(plane.state().tree, 'stream_dyn_server_module')) {
    return new Response('{"code":-1, "msg":"no rpc handler registered"}', {
      headers: { 'content-type': 'application/json' },
    })
  }
  try {
    const edits = (state: DynamicState): readonly Edit[] =>
      body.type === 'add'
        ? [{ key: freeKey(state, body), body: request.body! }]
        : removal(state, body)
    const { action, actor, dryRun, timeoutMs } = request
    return changeResponse(await plane.change({ edits, action, actor, dryRun, timeoutMs }))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return json(200, error.reply)
  }
}

function removal(state: DynamicState, body: StreamServerRequest): readonly Edit[] {
  if (!state.index.hasStream) throw new Refusal(replyCodes.failure, 'no stream module when del vs!')
  const name = body.server_name!
  const server = findStreamServer(state.index, parseAddrPort(body.addr_port)!, name)
  if (server === undefined) {
    const msg = `error:host[${body.addr_port}],no find server [${name}]!`
    throw new Refusal(replyCodes.failure, msg)
  }
  if (server.instruction === undefined) {
    throw new Refusal(replyCodes.notAllowed, 'only dynamic server,can to be delete!')
  }
  return [...overridesOf(state, server), { key: server.instruction, body: null }]
}

/**
 * The topic of the pair, over the bytes as they were given. Two pairs may have the same checksum; the
 * second one then gets a number behind it, so that neither is lost.
 */
function freeKey(state: DynamicState, { addr_port, server_name = '' }: StreamServerBody): string {
  const topic = `${streamServer.topic}s_${crc32(addr_port + server_name)}`
  let key = topic
  for (let n = 2; state.instructions.has(key); n++) key = `${topic}_${n}`
  return key
}

function list(state: DynamicState): readonly StreamServerBody[] {
  const servers: StreamServerBody[] = []
  for (const [key, text] of state.instructions.entries()) {
    if (!key.startsWith(streamServer.topic)) continue
    const { addr_port, server_name, listen_option, server_body } = JSON.parse(text)
    servers.push({ addr_port, server_name, listen_option, server_body })
  }
  return servers.sort((a, b) => sortKey(a).localeCompare(sortKey(b)))
}

function sortKey({ addr_port, server_name = '' }: StreamServerBody): string {
  return `${listenKey(parseAddrPort(addr_port)!)} ${server_name}`
}

/** The request, or the message of the first check it fails. */
function parseRequest(request: ApiRequest): StreamServerRequest | string {
  const { body } = request
  if (body === undefined || Buffer.byteLength(body) < instructionBytesMin) {
    return 'json parser error!'
  }
  const value = parseJson(body)
  if (value === undefined) return 'json parser error!'
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'json error!!!'
  const fields = value as Record<string, unknown>
  return (
    checkNames(fields) ??
    checkAddress(fields) ??
    checkType(fields, request.method) ??
    checkTexts(fields) ?? { ...(fields as unknown as StreamServerRequest), type: typeOf(fields) }
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function checkNames(fields: Record<string, unknown>): string | undefined {
  const unknown = Object.keys(fields).findLast((name) => !parameters.has(name))
  return unknown === undefined ? undefined : `invalid parameter:${unknown}!`
}

function checkAddress({ addr_port }: Record<string, unknown>): string | undefined {
  if (typeof addr_port !== 'string') return 'addr_port error!!!'
  if (addr_port.trim() === '') return 'addr_port null!!!'
  return parseAddrPort(addr_port) === undefined ? 'addr_port error!!!' : undefined
}

function checkType(fields: Record<string, unknown>, method: string): string | undefined {
  if (typeof fields['type'] !== 'string') return 'type error!!!'
  const type = fields['type'].trim()
  if (type !== 'add' && type !== 'del') return 'type error!!!'
  if (type === 'add' && method !== 'POST') return 'no support method when add server!'
  return type === 'del' && method !== 'PUT' ? 'no support method when del server!' : undefined
}

function checkTexts(fields: Record<string, unknown>): string | undefined {
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

function typeOf({ type }: Record<string, unknown>): 'add' | 'del' {
  return String(type).trim() === 'add' ? 'add' : 'del'
}
