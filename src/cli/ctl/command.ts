/** What commands of `trijet ctl` have in common: a request, an answer shown, and an exit code. */
import type { ControlAnswer, ControlClient, ControlRequest } from './control-client.ts'
import type { CtlOptions, OwnOption } from './options.ts'
import { formatValue } from './tables.ts'

/** What is done with a command line: gives the exit code. */
export interface Command {
  /** `rollback REVISION` */
  readonly usage: string
  readonly doc: string
  /** Beside those that all commands have; none without. */
  readonly options?: readonly OwnOption[]
  run(context: CommandContext): Promise<number>
}

export interface CommandContext {
  readonly client: ControlClient
  readonly options: CtlOptions
  /** Behind the command. */
  readonly words: readonly string[]
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

export const exitCodes = { done: 0, refused: 1, usage: 2, unreachable: 3, denied: 4 } as const

/** Asks, shows the answer, and says by the exit code how it went. */
export async function ask(
  context: CommandContext,
  request: ControlRequest,
  format: (value: unknown) => string = formatValue,
): Promise<number> {
  const answer = await context.client.ask(request)
  const fault = faultOf(answer)
  if (fault !== undefined) {
    context.err(context.options.json ? answer.body : fault)
    return answer.status === 401 || answer.status === 403 ? exitCodes.denied : exitCodes.refused
  }
  const value = jsonOf(answer)
  if (context.options.json || value === undefined) context.out(answer.body)
  else context.out(format(value))
  return exitCodes.done
}

/** Why it was not done: replies say it by a code too, with status 200. */
export function faultOf(answer: ControlAnswer): string | undefined {
  const { status, body } = answer
  const { code, msg, reasons } = (jsonOf(answer) ?? {}) as Readonly<Record<string, unknown>>
  const said = Array.isArray(reasons)
    ? reasons.join('; ')
    : (typeof msg === 'string' ? msg : body).trim()
  if (status >= 400) return said === '' ? `control answered ${status}` : said
  return typeof code === 'number' && code !== 0 ? said : undefined
}

function jsonOf({ headers, body }: ControlAnswer): unknown {
  if (headers['content-type']?.startsWith('application/json') !== true) return undefined
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
