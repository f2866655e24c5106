/**
 * `/api/v1/kv`: the key/value store (reference §1b).
 *
 * `POST {"key":…,"value":…}` answers 200 with an empty body; `GET ?key=` the value as plain text;
 * `DELETE ?key=` a line of text. Values are read in the data plane as `$kv_http_<key>`.
 */
import { topicFault } from '../../bus/topic-filter.ts'
import { kvTopic } from '../../bus/topics.ts'
import { type ApiRequest, type Endpoint, notFound, plain } from '../api.ts'
import type { Operation, QueryParameter } from '../operation.ts'
import type { ControlPlane } from '../plane.ts'

const missing = 'key is not existed in db\n'

const keyParameter: QueryParameter = {
  name: 'key',
  description: 'The key.',
  schema: { type: 'string' },
  required: true,
}

const operations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/kv',
    summary: 'Sets a key',
    body: {
      type: 'object',
      properties: { key: { type: 'string' }, value: { type: 'string' } },
      required: ['key', 'value'],
      examples: [{ key: 'colour', value: 'blue' }],
    },
    responses: {
      200: { description: 'Stored.' },
      400: { description: 'The body is not such an object.', type: 'text/plain' },
    },
  },
  {
    method: 'get',
    path: '/v1/kv',
    summary: 'Reads a key',
    query: [keyParameter],
    responses: {
      200: { description: 'The value.', type: 'text/plain', schema: { type: 'string' } },
      404: { description: 'There is no such key.', type: 'text/plain' },
    },
  },
  {
    method: 'delete',
    path: '/v1/kv',
    summary: 'Deletes a key',
    query: [keyParameter],
    responses: {
      200: { description: 'Deleted.', type: 'text/plain' },
      404: { description: 'There is no such key.', type: 'text/plain' },
    },
  },
]

export const keyValues: Endpoint = {
  key: '/v1/kv',
  operations,
  handle: async (request, plane) => {
    if (request.path.length > 0) return notFound()
    switch (request.method) {
      case 'POST':
        return put(request, plane)
      case 'GET':
        return get(request, plane)
      case 'DELETE':
        return remove(request, plane)
      default:
        return notFound()
    }
  },
}

async function put(
  { body = '' }: ApiRequest,
  { keyValues: store }: ControlPlane,
): Promise<Response> {
  const pair = parsePair(body)
  if (pair === undefined)
    return plain(400, 'a JSON object with the strings "key" and "value" is expected\n')
  await store.put(pair.key, pair.value)
  return new Response(null)
}

async function get({ query }: ApiRequest, { keyValues: store }: ControlPlane): Promise<Response> {
  const value = await store.get(query.get('key') ?? '')
  return value === undefined ? plain(404, missing) : plain(200, value)
}

async function remove(
  { query }: ApiRequest,
  { keyValues: store }: ControlPlane,
): Promise<Response> {
  const found = await store.delete(query.get('key') ?? '')
  return found ? plain(200, 'key is deleted from db\n') : plain(404, missing)
}

/** A key is part of a topic on the bus: what cannot be one is no key. */
function parsePair(text: string): { readonly key: string; readonly value: string } | undefined {
  try {
    const { key, value } = JSON.parse(text) as Record<string, unknown>
    if (typeof key !== 'string' || key === '' || typeof value !== 'string') return undefined
    return topicFault(kvTopic(key)) === undefined ? { key, value } : undefined
  } catch {
    return undefined
  }
}
