/**
 * `/api/v1/stream_srv`: virtual servers of the stream block (reference §2).
 *
 * `POST` adds, `PUT` deletes, `GET` lists the dynamic ones. What is wrong with the request itself is an
 * HTTP 400 in plain text, in the documented order of checks; what the engine refuses is an HTTP 200 with a code.
 */
import { crc32 } from 'node:zlib'
import { type ApiRequest, type Endpoint, json, notFound } from '../api.ts'
import type { DynamicState } from '../dynamic-state.ts'
import {
  badRequest,
  changeByInstruction,
  type Fields,
  freeKey,
  parseInstruction,
  typeOf,
} from '../instruction-request.ts'
import type { Edit } from '../instruction.ts'
import {
  findStreamServer,
  streamServer,
  type StreamServerBody,
} from '../instructions/stream-server.ts'
import { listenKey, parseAddrPort } from '../listen-address.ts'
import { overridesOf } from '../overrides.ts'
import {
  changeResponses,
  dryRunParameter,
  invalidRequest,
  type Operation,
  type Schema,
} from '../operation.ts'
import { Refusal, replyCodes } from '../refusal.ts'

interface StreamServerRequest extends StreamServerBody {
  readonly type: 'add' | 'del'
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
    if (typeof body === 'string') return badRequest(body)
    return changeByInstruction(request, plane, {
      module: 'stream_dyn_server_module',
      edits: (state) => toEdits(state, body, request.body!),
    })
  },
}

function toEdits(state: DynamicState, body: StreamServerRequest, text: string): readonly Edit[] {
  if (body.type === 'del') return removal(state, body)
  const { addr_port, server_name = '' } = body
  const topic = `${streamServer.topic}s_${crc32(addr_port + server_name)}`
  return [{ key: freeKey((key) => state.instructions.has(key), topic), body: text }]
}

function removal(state: DynamicState, body: StreamServerRequest): readonly Edit[] {
  if (!state.stream.hasBlock) throw new Refusal(replyCodes.failure, 'no stream module when del vs!')
  const name = body.server_name!
  const server = findStreamServer(state.stream, parseAddrPort(body.addr_port)!, name)
  if (server === undefined) {
    const msg = `error:host[${body.addr_port}],no find server [${name}]!`
    throw new Refusal(replyCodes.failure, msg)
  }
  if (server.instruction === undefined) {
    throw new Refusal(replyCodes.notAllowed, 'only dynamic server,can to be delete!')
  }
  return [...overridesOf(state, server), { key: server.instruction, body: null }]
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
  const fields = parseInstruction(request, { parameters, noun: 'server' })
  if (typeof fields === 'string') return fields
  return (
    checkTexts(fields) ?? { ...(fields as unknown as StreamServerRequest), type: typeOf(fields) }
  )
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
