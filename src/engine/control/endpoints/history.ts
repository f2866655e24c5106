/**
 * `GET /api/v2/history` and `POST /api/v2/rollback`: what was changed, by whom, and back to how it was.
 *
 * A rollback is a change like any other: one transaction that gives every instruction the body it had at
 * the revision, with a revision of its own.
 */
import { type ApiRequest, changeResponse, type Endpoint, json, notFound } from '../api.ts'
import { changeResponses, dryRunParameter, type Operation, replySchema } from '../operation.ts'
import { historyPageEntries, historyPageEntriesMax } from '../limits.ts'

const historyOperation: Operation = {
  method: 'get',
  path: '/v2/history',
  summary: 'Lists changes, newest first',
  query: [
    {
      name: 'limit',
      description: `Entries of a page, at most ${historyPageEntriesMax}.`,
      schema: { type: 'integer' },
    },
    {
      name: 'before',
      description: 'Only revisions below this one.',
      schema: { type: 'integer' },
    },
  ],
  responses: {
    200: {
      description:
        'The newest revision, and for each change its time, its action, who asked (actor), from where (peer), and its edits.',
    },
    400: { description: 'A parameter is no whole number.', schema: replySchema },
  },
}

const rollbackOperation: Operation = {
  method: 'post',
  path: '/v2/rollback',
  summary: 'Goes back to a revision',
  description:
    'One change that gives every instruction the body it had; it has a revision of its own.',
  query: [dryRunParameter],
  body: {
    type: 'object',
    properties: { to: { type: 'integer', examples: [1] } },
    required: ['to'],
  },
  responses: {
    ...changeResponses,
    400: { description: 'The body is not such an object.', schema: replySchema },
  },
}

export const history: Endpoint = {
  key: '/v2/history',
  operations: [historyOperation],
  handle: async (request, plane) => {
    if (request.path.length > 0 || request.method !== 'GET') return notFound()
    const limit = wholeNumber(request.query.get('limit')) ?? historyPageEntries
    const before = wholeNumber(request.query.get('before'))
    if (limit === 'invalid' || before === 'invalid') {
      return json(400, { code: 10, msg: '"limit" and "before" must be whole numbers' })
    }
    return json(
      200,
      await plane.history({
        limit: Math.min(limit, historyPageEntriesMax),
        ...(before !== undefined && { before }),
      }),
    )
  },
}

export const rollback: Endpoint = {
  key: '/v2/rollback',
  operations: [rollbackOperation],
  handle: async (request, plane) => {
    if (request.path.length > 0 || request.method !== 'POST') return notFound()
    const to = parseTarget(request)
    if (to === undefined) {
      return json(400, { code: 10, msg: 'a JSON object with the whole number "to" is expected' })
    }
    const { actor, dryRun, timeoutMs } = request
    return changeResponse(await plane.rollback({ to, actor, dryRun, timeoutMs }))
  },
}

function parseTarget({ body = '' }: ApiRequest): number | undefined {
  try {
    const { to } = JSON.parse(body) as Record<string, unknown>
    return typeof to === 'number' && Number.isInteger(to) && to >= 0 ? to : undefined
  } catch {
    return undefined
  }
}

function wholeNumber(text: string | null): number | 'invalid' | undefined {
  if (text === null) return undefined
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : 'invalid'
}
