/**
 * `GET /api/v2/history` and `POST /api/v2/rollback`: what was changed, by whom, and back to how it was.
 *
 * A rollback is a change like any other: one transaction that gives every instruction the body it had at
 * the revision, with a revision of its own.
 */
import { type ApiRequest, changeResponse, type Endpoint, json, notFound } from '../api.ts'
import { historyPageEntries, historyPageEntriesMax } from '../limits.ts'

export const history: Endpoint = {
  key: '/v2/history',
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
  handle: async (request, plane) => {
    if (request.path.length > 0 || request.method !== 'POST') return notFound()
    const to = parseTarget(request)
    if (to === undefined) {
      return json(400, { code: 10, msg: 'a JSON object with the whole number "to" is expected' })
    }
    const { actor, dryRun } = request
    return changeResponse(await plane.rollback({ to, actor, dryRun }))
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
