/** What the audit says of a request and its answer. */
import { TextResponse } from '../http/text-response.ts'
import { type Actor, originOf } from './actor.ts'
import type { AuditEntry, AuditOutcome } from './access/audit-log.ts'
import { auditTextCharsMax } from './limits.ts'

/** Field of an answer that names the revision a change has in the history. */
export const revisionField = 'trijet-revision'

export interface AuditSubject {
  readonly url: URL
  readonly method: string
  readonly actor: Actor
}

export async function auditEntry(
  { url, method, actor }: AuditSubject,
  response: Response,
): Promise<AuditEntry> {
  const { status } = response
  const { code, msg } = await replyOf(response)
  const revision = response.headers.get(revisionField)
  return {
    outcome: outcomeOf(status, code),
    ...originOf(actor),
    action: `${method} ${url.pathname}`.slice(0, auditTextCharsMax),
    ...(url.search !== '' && { query: url.search.slice(1, auditTextCharsMax) }),
    ...(isDryRun(url) && { dryRun: true }),
    status,
    ...(code !== undefined && { code }),
    ...(msg !== undefined && { msg: msg.slice(0, auditTextCharsMax) }),
    ...(revision !== null && { revision: Number(revision) }),
  }
}

export function isDryRun({ searchParams }: URL): boolean {
  return ['1', 'true', 'on'].includes(searchParams.get('dry_run') ?? '')
}

function outcomeOf(status: number, code: number | undefined): AuditOutcome {
  if (status >= 500) return 'failed'
  // A partial success has changed something.
  return status >= 400 || (code !== undefined && code !== 0 && code !== 1) ? 'refused' : 'done'
}

/** Code and message of a reply; of anything else nothing, for it may hold secrets. */
async function replyOf(
  response: Response,
): Promise<{ readonly code?: number; readonly msg?: string }> {
  if (response.body === null) return {}
  if (response.headers.get('content-type')?.startsWith('application/json') !== true) return {}
  try {
    const text = response instanceof TextResponse ? response.whole : await response.clone().text()
    const { code, msg } = JSON.parse(text) as Record<string, unknown>
    return {
      ...(typeof code === 'number' && { code }),
      ...(typeof msg === 'string' && { msg }),
    }
  } catch {
    return {}
  }
}
