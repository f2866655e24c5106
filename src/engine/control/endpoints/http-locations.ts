/**
 * `/api/v1/dyn_loc`: locations of HTTP servers (reference §1b).
 *
 * `POST` adds, `PUT` deletes, `GET` lists the dynamic ones. Several locations of one request are instructions
 * of their own, made in one transaction.
 */
import { crc32 } from 'node:zlib'
import { type ApiRequest, type Endpoint, json, notFound } from '../api.ts'
import type { DynamicState } from '../dynamic-state.ts'
import {
  type InstructionDescription,
  instructionOperations,
  parametersOf,
} from '../instruction-operations.ts'
import type { Edit } from '../instruction.ts'
import {
  badRequest,
  changeByInstruction,
  checkNames,
  type Fields,
  freeKey,
  isObject,
  parseInstruction,
  typeOf,
} from '../instruction-request.ts'
import {
  argsOf,
  findDynamicLocation,
  findHttpServer,
  findLocation,
  httpLocation,
  type LocationBody,
  type LocationFields,
  refuseTwins,
  type ServerPlace,
} from '../instructions/http-location.ts'
import { listenKey, parseAddrPort } from '../listen-address.ts'
import { locationDepthMax } from '../limits.ts'
import type { Schema } from '../operation.ts'
import { Refusal, replyCodes } from '../refusal.ts'

type LocationRequest =
  | (ServerPlace & { readonly type: 'add'; readonly locations: readonly LocationFields[] })
  | (ServerPlace & LocationFields & { readonly type: 'del' })

const rules: ReadonlySet<string> = new Set(['', '=', '~', '~*', '^~'])

const server: Readonly<Record<string, Schema>> = {
  addr_port: {
    type: 'string',
    description: 'Address that the server listens on.',
    examples: ['0.0.0.0:8080'],
  },
  server_name: {
    type: 'string',
    description: 'One of its names; empty for the server without one.',
    examples: ['example.com'],
  },
}

const identity: Readonly<Record<string, Schema>> = {
  location_rule: { type: 'string', enum: [...rules] },
  location_name: { type: 'string', examples: ['/demo'] },
}

const contents: Readonly<Record<string, Schema>> = {
  location_body: { type: 'string', examples: ['return 200 "demo";'] },
  proxy_pass: { type: 'string', examples: ['http://backend'] },
}

const location: Schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...identity,
    ...contents,
    locations: {
      type: 'array',
      description: 'Locations within it, of the same form.',
      items: { type: 'object' },
    },
  },
  required: ['location_name'],
}

const about: InstructionDescription = {
  path: '/v1/dyn_loc',
  list: {
    summary: 'Lists dynamic locations',
    description: 'The locations that were added by the API.',
  },
  add: {
    summary: 'Adds locations to an HTTP server',
    description: 'All of them or none. Requests that are under way are not disturbed.',
    properties: { ...server, locations: { type: 'array', items: location } },
    required: ['addr_port', 'server_name', 'locations'],
    example: {
      addr_port: '0.0.0.0:8080',
      server_name: 'localhost',
      locations: [{ location_name: '/demo', location_body: 'return 200 "demo";' }],
    },
  },
  del: {
    summary: 'Deletes a dynamic location',
    description: 'With all that is within it.',
    properties: { ...server, ...identity },
    required: ['addr_port', 'server_name', 'location_name'],
  },
}

export const httpLocations: Endpoint = {
  key: '/v1/dyn_loc',
  operations: instructionOperations(about),
  handle: async (request, plane) => {
    if (request.path.length > 0) return notFound()
    if (request.method === 'GET') return json(200, { locations: list(plane.state()) })
    if (request.method !== 'POST' && request.method !== 'PUT') return notFound()
    const body = parseRequest(request)
    if (typeof body === 'string') return badRequest(body)
    return changeByInstruction(request, plane, {
      module: 'http_location_module',
      edits: (state) =>
        body.type === 'add' ? additions(state, body, request.body!) : [removal(state, body)],
    })
  },
}

function additions(
  { instructions }: DynamicState,
  body: Extract<LocationRequest, { type: 'add' }>,
  text: string,
): readonly Edit[] {
  const { addr_port, server_name = '', locations } = body
  refuseTwins(locations.map(argsOf))
  const edits = new Map<string, string>()
  for (const fields of locations) {
    const { location_rule = '', location_name } = fields
    const sum = crc32(addr_port + server_name + location_rule + location_name)
    const key = freeKey(
      (other) => instructions.has(other) || edits.has(other),
      `${httpLocation.topic}l_${sum}`,
    )
    edits.set(key, locations.length === 1 ? text : JSON.stringify({ ...body, locations: [fields] }))
  }
  return [...edits].map(([key, content]) => ({ key, body: content }))
}

function removal({ http }: DynamicState, body: Extract<LocationRequest, { type: 'del' }>): Edit {
  const found = findHttpServer(http, body)
  const part = findDynamicLocation(found, body)
  if (part !== undefined) return { key: part.instruction, body: null }
  if (findLocation(found.node, argsOf(body)) !== undefined) {
    throw new Refusal(replyCodes.notAllowed, 'only dynamic location,can to be delete!')
  }
  const msg = `not find  location [${body.location_name}]!`
  throw new Refusal(replyCodes.failure, msg)
}

function list({ instructions }: DynamicState): readonly (ServerPlace & LocationFields)[] {
  const found: (ServerPlace & LocationFields)[] = []
  for (const [key, text] of instructions.entries()) {
    if (!key.startsWith(httpLocation.topic)) continue
    const { addr_port, server_name = '', locations } = JSON.parse(text) as LocationBody
    found.push({ addr_port, server_name, ...locations[0] })
  }
  return found.sort((a, b) => sortKey(a).localeCompare(sortKey(b)))
}

function sortKey(entry: ServerPlace & LocationFields): string {
  const { addr_port, server_name, location_rule = '', location_name } = entry
  const place = listenKey(parseAddrPort(addr_port)!)
  return [place, server_name, location_name, location_rule].join(' ')
}

const addParameters = parametersOf(about.add)
const delParameters = parametersOf(about.del)
const locationParameters: ReadonlySet<string> = new Set(Object.keys(location.properties!))

/** The request, or the message of the first check it fails. */
function parseRequest(request: ApiRequest): LocationRequest | string {
  const parameters = request.method === 'POST' ? addParameters : delParameters
  const fields = parseInstruction(request, { parameters, noun: 'location' })
  if (typeof fields === 'string') return fields
  const type = typeOf(fields)
  const { server_name } = fields
  const fault =
    (server_name === undefined || typeof server_name === 'string'
      ? undefined
      : 'server_name error!') ??
    (type === 'del' ? checkIdentity(fields) : checkLocations(fields['locations'], 1))
  return fault ?? ({ ...fields, type } as LocationRequest)
}

function checkLocations(value: unknown, depth: number): string | undefined {
  if (!Array.isArray(value) || value.length === 0 || depth > locationDepthMax) {
    return 'locations error!!!'
  }
  for (const fields of value) {
    const fault = isObject(fields) ? checkLocation(fields, depth) : 'locations error!!!'
    if (fault !== undefined) return fault
  }
  return undefined
}

function checkLocation(fields: Fields, depth: number): string | undefined {
  const { location_body, proxy_pass, locations } = fields
  const fault = checkNames(fields, locationParameters) ?? checkIdentity(fields)
  if (fault !== undefined) return fault
  if (location_body !== undefined && typeof location_body !== 'string') {
    return 'location_body error!'
  }
  if (proxy_pass !== undefined && (typeof proxy_pass !== 'string' || proxy_pass.trim() === '')) {
    return 'proxy_pass error!'
  }
  const none = locations === undefined || (Array.isArray(locations) && locations.length === 0)
  return none ? undefined : checkLocations(locations, depth + 1)
}

function checkIdentity({ location_rule = '', location_name }: Fields): string | undefined {
  if (location_name === undefined) return 'location_name is null!'
  if (typeof location_name !== 'string') return 'location_name error!'
  if (location_name.trim() === '') return 'location_name is null!'
  const known = typeof location_rule === 'string' && rules.has(location_rule.trim())
  return known ? undefined : 'location_rule error!'
}
