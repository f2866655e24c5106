/**
 * `/api/v2/config`: the running tree, with all that was changed live, and the way to change any of it.
 *
 * ```text
 *   GET     as configuration text or, for `?format=json` and `Accept: application/json`, as JSON; `?path=` of it
 *   PATCH   [{"op":"add","path":"/http/server[80 a]","value":"location /x { return 204; }"}]
 *   PUT     a whole configuration; only what differs is changed
 * ```
 *
 * The `ETag` names revision and files: a reload changes the tree too. Changes are made under `If-Match` only
 * while it is that one.
 */
import { blockOf } from '../../conf/block.ts'
import { toJson } from '../../conf/json.ts'
import { print, printDirective } from '../../conf/printer.ts'
import { directive, type Directive } from '../../conf/tree.ts'
import { type ApiRequest, type Endpoint, json, notFound } from '../api.ts'
import { setConfiguration } from '../config-diff.ts'
import { applyOperation, meantBy, parseDirectives, parseOperations } from '../config-patch.ts'
import { parseConfigPath } from '../config-path.ts'
import { changeThroughDoor, entityTag, faultResponse } from '../door.ts'
import { DoorFault } from '../door-fault.ts'
import { bodyBytesMax } from '../limits.ts'
import { dryRunParameter, type Operation, type ResponseNote, replySchema } from '../operation.ts'
import type { ControlPlane } from '../plane.ts'
import { Refusal } from '../refusal.ts'

const types = { text: 'text/plain', json: 'application/json' } as const

type Format = keyof typeof types

const pathDescription =
  'Steps from the root: "/http/server[80 example.com]/location[~ \\.php$]/expires". Arguments stand between brackets; a server of http or stream is named by an address and a name of it.'

const getOperation: Operation = {
  method: 'get',
  path: '/v2/config',
  summary: 'Shows the running configuration',
  description: 'With all that was changed live. "If-None-Match" is honoured.',
  query: [
    {
      name: 'format',
      description: 'Goes before "Accept"; text when neither says otherwise.',
      schema: { type: 'string', enum: ['text', 'json'] },
    },
    { name: 'path', description: `Only that part. ${pathDescription}`, schema: { type: 'string' } },
  ],
  responses: {
    200: { description: 'The configuration.', type: 'text/plain', schema: { type: 'string' } },
    304: { description: 'It is still the one that the client knows.' },
    400: { description: 'There is no such format, or that is no path.', schema: replySchema },
    404: { description: 'Nothing stands there.', schema: replySchema },
  },
}

const doorResponses: Readonly<Record<number, ResponseNote>> = {
  200: { description: 'Done in every worker.', schema: replySchema },
  400: { description: 'The request is not of its form.', schema: replySchema },
  404: { description: 'There is no such place.', schema: replySchema },
  409: { description: 'Something stands there already.', schema: replySchema },
  412: { description: 'The configuration is not the one of "If-Match".', schema: replySchema },
  422: { description: 'The engine refuses it; nothing has changed.', schema: replySchema },
  500: { description: 'The engine did not answer in time.', schema: replySchema },
}

const patchOperation: Operation = {
  method: 'patch',
  path: '/v2/config',
  summary: 'Changes parts of the running configuration',
  description:
    'A list of operations, all made or none. A value is configuration text, or the JSON mapping of it. "If-Match" is honoured.',
  query: [dryRunParameter],
  body: {
    type: 'array',
    items: {
      type: 'object',
      additionalProperties: false,
      properties: {
        op: { type: 'string', enum: ['add', 'replace', 'remove'] },
        path: {
          description: `${pathDescription} Or the steps as a list. For "add" the block, else what is meant.`,
        },
        value: { description: 'Directives as text, or as JSON mapping.' },
      },
      required: ['op', 'path'],
    },
    examples: [[{ op: 'add', path: '/http/server[80 a]', value: 'location /x { return 204; }' }]],
  },
  responses: doorResponses,
}

const putOperation: Operation = {
  method: 'put',
  path: '/v2/config',
  summary: 'Sets the whole running configuration',
  description:
    'Only what differs from the one in force is changed. The body is configuration text without "include", or with the content type application/json its JSON mapping. "If-Match" is honoured.',
  query: [dryRunParameter],
  responses: doorResponses,
}

export const runningConfiguration: Endpoint = {
  key: '/v2/config',
  operations: [getOperation, patchOperation, putOperation],
  handle: async (request, plane) => {
    if (request.path.length > 0) return notFound()
    try {
      switch (request.method) {
        case 'GET':
          return show(request, plane)
        case 'PATCH':
          return await patch(request, plane)
        case 'PUT':
          return await put(request, plane)
        default:
          return notFound()
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return faultResponse(error)
    }
  },
}

function patch(request: ApiRequest, plane: ControlPlane): Promise<Response> {
  const operations = parseOperations(parseJson(bodyOf(request)))
  return changeThroughDoor(request, plane, (draft) => {
    for (const operation of operations) applyOperation(draft, operation)
  })
}

function put(request: ApiRequest, plane: ControlPlane): Promise<Response> {
  const body = bodyOf(request)
  const isJson = request.headers.get('content-type')?.includes(types.json) === true
  const nodes = parseDirectives(isJson ? parseJson(body) : body, 'configuration')
  const wanted = directive('main', [], blockOf(nodes))
  return changeThroughDoor(request, plane, (draft) => setConfiguration(draft, wanted))
}

function bodyOf({ body }: ApiRequest): string {
  if (body !== undefined) return body
  throw new DoorFault(400, `the body is longer than ${bodyBytesMax} bytes`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new DoorFault(400, `the body is no JSON: ${(error as Error).message}`)
  }
}

function show(request: ApiRequest, plane: ControlPlane): Response {
  const format = formatOf(request)
  if (format === undefined) return json(400, { code: 10, msg: '"format" must be text or json' })
  // Of what is in force, and not of what may be seen of it: whoever looks may go on to change it.
  const version = entityTag(plane.version())
  const etag = format === 'json' ? version.replace(/"$/, '.json"') : version
  const headers = { etag, vary: 'accept' }
  if (isKnown(request, etag)) return new Response(null, { status: 304, headers })
  const body = write(request, plane, format)
  return new Response(body, { headers: { ...headers, 'content-type': types[format] } })
}

function formatOf({ query, headers }: ApiRequest): Format | undefined {
  const format = query.get('format')
  if (format !== null) return format in types ? (format as Format) : undefined
  return headers.get('accept')?.includes(types.json) === true ? 'json' : 'text'
}

function write({ query, visible }: ApiRequest, plane: ControlPlane, format: Format): string {
  const path = parseConfigPath(query.get('path') ?? '/')
  if (path.length === 0) {
    const tree = visible(plane.state().tree)
    return format === 'text' ? print(tree) : JSON.stringify(toJson(tree))
  }
  const nodes = meantBy(plane.state(), path).map(visible)
  if (format === 'json') return JSON.stringify(toJson(asMain(nodes)))
  return nodes.map((node) => `${printDirective(node)}\n`).join('')
}

function asMain(nodes: readonly Directive[]): Directive {
  return directive('main', [], blockOf(nodes))
}

function isKnown({ headers }: ApiRequest, etag: string): boolean {
  const known = headers.get('if-none-match')?.split(',') ?? []
  return known.some((tag) => tag.trim().replace(/^W\//, '') === etag)
}
