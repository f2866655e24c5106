/**
 * The script of a server or a location: `rewrite`, `if`, `set`, `break` and `return`, compiled into steps
 * that run in the order in which the directives stand.
 *
 * ```text
 *   set $a 1;                      step
 *   if ($uri ~ x) {                step ──▶ steps of the block, where the condition holds
 *     rewrite ^ /y break;                   step: ends the script
 *   }
 *   return 404;                    step: ends the request
 * ```
 */
import type { Regex } from '../../core/regex.ts'
import { type CapturingRegex, matchInto } from '../../modules/captures.ts'
import { type Handler, outcomes } from '../module.ts'
import type { Request } from '../request.ts'

/** What one run of a script remembers from step to step. */
export interface ScriptRun {
  /** The URI was changed, and its location is to be looked for. */
  relocates: boolean
  /** Groups of expressions are escaped in values of `set`; so it is in nginx until a `rewrite` was done. */
  escapes: boolean
  /** `rewrite_log`. */
  readonly logs: boolean
}

/** `proceed`, `stop`, or an outcome of the handler, which ends the script as well. */
export type Step = (request: Request, run: ScriptRun) => number

/** The next step has its turn. Outcomes of handlers are not negative. */
export const proceed = -1
/** The script is over, and the phases go on. */
export const stop = -2

export function runSteps(steps: readonly Step[], request: Request, run: ScriptRun): number {
  for (let i = 0; i < steps.length; i++) {
    const outcome = steps[i]!(request, run)
    if (outcome !== proceed) return outcome
  }
  return proceed
}

/**
 * The steps as one handler. A server's location is looked for in any case, so that only the script of a
 * location asks for it.
 */
export function scriptHandler(
  steps: readonly Step[],
  { logs, relocates }: { readonly logs: boolean; readonly relocates: boolean },
): Handler | undefined {
  if (steps.length === 0) return undefined
  // One for all requests: a script runs without waiting, and looks at this no more once it has an outcome.
  const run: ScriptRun = { relocates: false, escapes: true, logs }
  return (request) => {
    run.relocates = false
    run.escapes = true
    const outcome = runSteps(steps, request, run)
    if (outcome >= 0) return outcome
    return relocates && run.relocates ? outcomes.relocate : outcomes.next
  }
}

/** Matches as nginx's scripts do: where nothing matches, the groups of the expression before are gone too. */
export function matchOrForget(
  request: Request,
  run: ScriptRun,
  expression: CapturingRegex,
  text: string,
): boolean {
  const matches = matchInto(request, expression, text)
  if (!matches) request.captures = null
  if (run.logs) logMatch(request, expression.regex, text, matches)
  return matches
}

function logMatch(request: Request, { source }: Regex, text: string, matches: boolean): void {
  request.logError(`"${source}" ${matches ? 'matches' : 'does not match'} "${text}"`, 'notice')
}
