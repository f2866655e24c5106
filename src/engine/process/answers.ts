/** What children ask of the master, answered. */
import type { ProcessNote } from '../control/plane.ts'
import { replyCodes } from '../control/refusal.ts'
import { type Journal, RevisionError } from './journal.ts'
import type { Answer, Ask } from './messages.ts'
import { type Naming, readNamedFiles } from './named-files.ts'
import { confPrefixOf } from './place.ts'
import type { EditRequest, Outcome, Transactions } from './transactions.ts'

export interface AskServices {
  readonly journal: Journal
  readonly transactions: Transactions
  setWorkers(count: number | null): Promise<Outcome>
  processes(): readonly ProcessNote[]
}

/** Never throws: a question that cannot be answered is refused. */
export async function answerAsk(ask: Ask, services: AskServices): Promise<Answer> {
  try {
    return await answer(ask, services)
  } catch (error) {
    return refused((error as Error).message)
  }
}

async function answer(ask: Ask, services: AskServices): Promise<Answer> {
  const { journal, transactions } = services
  switch (ask.kind) {
    case 'change':
      return toAnswer(await transactions.change(ask))
    case 'rollback':
      return rollback(ask, services)
    case 'history': {
      const entries = journal.history(ask.before, ask.limit)
      return { kind: 'history', revision: journal.revision, entries }
    }
    case 'instructions': {
      const instructions = journal.instructions()
      return { kind: 'instructions', revision: journal.revision, instructions }
    }
    case 'workers':
      return toAnswer(await services.setWorkers(ask.count))
    case 'processes':
      return { kind: 'processes', processes: services.processes() }
    case 'files':
      return { kind: 'files', texts: await readNamedFiles(ask.paths, naming(services)) }
  }
}

/** What the operator wrote and what was accepted before; not what somebody only tries. */
function naming({ journal, transactions }: AskServices): Naming {
  const { candidate } = transactions
  const bodies = journal.instructions().map(({ body }) => body)
  const texts = [...Object.values(candidate.texts), ...bodies]
  return { confPrefix: confPrefixOf(candidate.entry), texts }
}

/** The way back is worked out when its turn has come: other changes may be made before it. */
async function rollback(
  { to, actor, dryRun }: Extract<Ask, { kind: 'rollback' }>,
  { journal, transactions }: AskServices,
): Promise<Answer> {
  const action = `rollback to ${to}`
  const request = (): EditRequest => ({ edits: journal.editsBackTo(to), action, actor, dryRun })
  try {
    return toAnswer(await transactions.change(request))
  } catch (error) {
    if (!(error instanceof RevisionError)) throw error
    return refused(error.message)
  }
}

function toAnswer(outcome: Outcome): Answer {
  return outcome.kind === 'done' ? { kind: 'done', revision: outcome.revision } : outcome
}

function refused(msg: string): Answer {
  return { kind: 'refused', refused: { reply: { code: replyCodes.failure, msg }, diagnostics: [] } }
}
