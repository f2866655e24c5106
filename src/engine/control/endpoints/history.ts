/**
 * `GET /api/v2/history` and `POST /api/v2/rollback`: what was changed, by whom, and back to how it was.
 *
 * A rollback is a change like any other: one transaction that gives every instruction the body it had at
 * the revision, with a revision of its own.
 */
import { type ApiRequest, changeResponse, type Endpoint, json, notFound } from '../api.ts'
import type { Edit } from '../instruction.ts'
import { historyPageEntries, historyPageEntriesMax } from '../limits.ts'
import type { ControlPlane, HistoryEntry } from '../plane.ts'
import { Refusal, replyCodes } from '../refusal.ts'

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
    try {
      const edits = editsBackTo(await entriesSince(to, plane), plane)
      const { actor, dryRun } = request
      const action = `rollback to ${to}`
      return changeResponse(await plane.change({ edits, action, actor, dryRun }))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return json(200, error.reply)
    }
  },
}

/** Every entry newer than the revision, newest first. */
async function entriesSince(to: number, plane: ControlPlane): Promise<readonly HistoryEntry[]> {
  const newer: HistoryEntry[] = []
  let before: number | undefined
  for (;;) {
    const page = await plane.history({
      limit: historyPageEntriesMax,
      ...(before !== undefined && { before }),
    })
    if (to > page.revision) refuse(`revision ${to} does not exist, the newest is ${page.revision}`)
    newer.push(...page.entries.filter(({ revision }) => revision > to))
    const oldest = page.entries.at(-1)?.revision
    if (oldest === undefined || oldest <= to) break
    before = oldest
  }
  // Every revision leaves an entry, so a gap means that older ones were dropped.
  const oldest = newer.at(-1)?.revision
  if (oldest !== undefined && oldest !== to + 1) refuse(`revision ${to} is no longer kept`)
  return newer
}

/** The edits that undo the entries: for each key the body before the oldest of them. */
function editsBackTo(entries: readonly HistoryEntry[], plane: ControlPlane): readonly Edit[] {
  const bodies = new Map<string, string | null>()
  for (const { action, revision, edits } of entries) {
    if (action === 'reload') {
      refuse(`the files were changed in revision ${revision}; a rollback does not go behind it`)
    }
    for (const { key, before } of edits) bodies.set(key, before)
  }
  const { instructions } = plane.state()
  const changed = [...bodies].filter(([key, body]) => (instructions.get(key) ?? null) !== body)
  // What goes makes room for what comes: a name may have moved from one key to another.
  const removals = changed.filter(([, body]) => body === null)
  const additions = changed.filter(([, body]) => body !== null)
  return [...removals, ...additions].map(([key, body]) => ({ key, body }))
}

function refuse(message: string): never {
  throw new Refusal(replyCodes.failure, message)
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
