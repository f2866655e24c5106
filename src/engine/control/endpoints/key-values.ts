/**
 * `/api/v1/kv`: the key/value store (reference §1b).
 *
 * `POST {"key":…,"value":…}` answers 200 with an empty body; `GET ?key=` the value as plain text;
 * `DELETE ?key=` a line of text. Values are read in the data plane as `$kv_http_<key>`.
 *
 * The key `__master_worker_count` is the number of workers, live and from every later start on.
 */
import { topicFault } from '../../bus/topic-filter.ts'
import { kvTopic } from '../../bus/topics.ts'
import { type ApiRequest, type Endpoint, json, notFound, plain } from '../api.ts'
import type { Operation, QueryParameter } from '../operation.ts'
import type { ControlPlane } from '../plane.ts'
import { passwordKeyPrefix } from './passwords.ts'
import { parseWorkerCount, workerCountKey } from '../worker-count.ts'
import { workersMax } from '../limits.ts'

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
      403: { description: 'The value is a secret, and the caller no admin.', type: 'text/plain' },
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

async function put({ body = '' }: ApiRequest, plane: ControlPlane): Promise<Response> {
  const pair = parsePair(body)
  if (pair === undefined)
    return plain(400, 'a JSON object with the strings "key" and "value" is expected\n')
  if (pair.key === workerCountKey) {
    const count = parseWorkerCount(pair.value)
    if (count === undefined) {
      return plain(400, `the value of "${workerCountKey}" is a number from 1 to ${workersMax}\n`)
    }
    const failure = await setWorkers(plane, count)
    if (failure !== undefined) return failure
  }
  await plane.keyValues.put(pair.key, pair.value)
  return new Response(null)
}

/** The answer when it cannot be done: nothing is stored then. */
async function setWorkers(
  plane: ControlPlane,
  count: number | undefined,
): Promise<Response | undefined> {
  const result = await plane.setWorkers(count)
  return result.kind === 'refused' ? json(500, result.reply) : undefined
}

async function get(
  { query, access }: ApiRequest,
  { keyValues: store }: ControlPlane,
): Promise<Response> {
  const key = query.get('key') ?? ''
  if (key.startsWith(passwordKeyPrefix) && access.grant.scope !== 'admin') {
    return plain(403, 'hashes of passwords are for admins\n')
  }
  const value = await store.get(key)
  return value === undefined ? plain(404, missing) : plain(200, value)
}

async function remove({ query }: ApiRequest, plane: ControlPlane): Promise<Response> {
  const key = query.get('key') ?? ''
  if (key === workerCountKey && (await plane.keyValues.get(key)) !== undefined) {
    const failure = await setWorkers(plane, undefined)
    if (failure !== undefined) return failure
  }
  const found = await plane.keyValues.delete(key)
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
