/**
 * `GET /api/v2/config`: the running tree, with all that was changed live, as configuration text or, for
 * `?format=json` and `Accept: application/json`, as its JSON mapping.
 *
 * The `ETag` is a hash of what is sent: a revision would not do, because a reload changes the tree too.
 */
import { hash } from 'node:crypto'
import { toJson } from '../../conf/json.ts'
import { print } from '../../conf/printer.ts'
import type { Directive } from '../../conf/tree.ts'
import { visibleTree } from '../access/redaction.ts'
import { type ApiRequest, type Endpoint, json, notFound } from '../api.ts'
import { type Operation, replySchema } from '../operation.ts'

const types = { text: 'text/plain', json: 'application/json' } as const

type Format = keyof typeof types

const operation: Operation = {
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
  ],
  responses: {
    200: { description: 'The configuration.', type: 'text/plain', schema: { type: 'string' } },
    304: { description: 'It is still the one that the client knows.' },
    400: { description: 'There is no such format.', schema: replySchema },
  },
}

export const runningConfiguration: Endpoint = {
  key: '/v2/config',
  operations: [operation],
  handle: async (request, plane) => {
    if (request.path.length > 0 || request.method !== 'GET') return notFound()
    const format = formatOf(request)
    if (format === undefined) return json(400, { code: 10, msg: '"format" must be text or json' })
    const { tree } = plane.state()
    // Of what is in force, and not of what may be seen of it: whoever looks may go on to change it.
    const etag = `"${hash('sha256', write(tree, format), 'base64url').slice(0, 22)}"`
    const body = write(visibleTree(request.access, tree), format)
    const headers = { etag, vary: 'accept' }
    if (isKnown(request, etag)) return new Response(null, { status: 304, headers })
    return new Response(body, { headers: { ...headers, 'content-type': types[format] } })
  },
}

function formatOf({ query, headers }: ApiRequest): Format | undefined {
  const format = query.get('format')
  if (format !== null) return format in types ? (format as Format) : undefined
  return headers.get('accept')?.includes(types.json) === true ? 'json' : 'text'
}

function write(tree: Directive, format: Format): string {
  return format === 'text' ? print(tree) : JSON.stringify(toJson(tree))
}

function isKnown({ headers }: ApiRequest, etag: string): boolean {
  const known = headers.get('if-none-match')?.split(',') ?? []
  return known.some((tag) => tag.trim().replace(/^W\//, '') === etag)
}
