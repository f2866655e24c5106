/**
 * `GET /api/v2/diff?from=&to=`: how the configuration differs between two revisions, as `diff -u` shows it.
 *
 * Both revisions are shown on the files that are in force now.
 */
import { print } from '../../conf/printer.ts'
import { unifiedDiff } from '../../conf/text-diff.ts'
import type { Directive } from '../../conf/tree.ts'
import { type ApiRequest, type Endpoint, notFound } from '../api.ts'
import { faultResponse } from '../door.ts'
import { DoorFault } from '../door-fault.ts'
import { type Operation, replySchema } from '../operation.ts'
import { treesAt } from '../past.ts'
import { Refusal } from '../refusal.ts'

const operation: Operation = {
  method: 'get',
  path: '/v2/diff',
  summary: 'Shows how two revisions differ',
  description:
    'In the unified form, on the files that are in force. Empty when they do not differ.',
  query: [
    {
      name: 'from',
      description: 'A revision; the one before "to" where it is left out.',
      schema: { type: 'integer' },
    },
    {
      name: 'to',
      description: 'A revision; the last one where it is left out.',
      schema: { type: 'integer' },
    },
  ],
  responses: {
    200: { description: 'The difference.', type: 'text/plain', schema: { type: 'string' } },
    400: { description: 'A parameter is no whole number.', schema: replySchema },
    404: { description: 'There is no such revision, or not any more.', schema: replySchema },
  },
}

export const diff: Endpoint = {
  key: '/v2/diff',
  operations: [operation],
  handle: async (request, plane) => {
    if (request.path.length > 0 || request.method !== 'GET') return notFound()
    try {
      const to = revisionOf(request, 'to') ?? plane.version().revision
      const from = revisionOf(request, 'from') ?? Math.max(to - 1, 0)
      const trees = await treesAt(plane, { from, to })
      const text = (tree: Directive): string => print(request.visible(tree))
      const names = { before: `revision ${from}`, after: `revision ${to}` }
      return new Response(unifiedDiff(text(trees.from), text(trees.to), names), {
        headers: { 'content-type': 'text/plain' },
      })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return faultResponse(error)
    }
  },
}

function revisionOf({ query }: ApiRequest, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new DoorFault(400, `"${name}" must be a whole number`)
}
