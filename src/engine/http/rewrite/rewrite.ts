/**
 * `rewrite regex replacement [last | break | redirect | permanent]`.
 *
 * ```text
 *   /x/$1         the query of the request is kept
 *   /x/$1?a=b     stands before it: a=b&…
 *   /x/$1?        the query is dropped
 *   http://…  https://…  $scheme…      a redirect, as with the flag
 * ```
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ValueEnv } from '../../core/module.ts'
import { compileRegex } from '../../core/regex.ts'
import { capturing, type CapturingRegex } from '../../modules/captures.ts'
import type { Request } from '../request.ts'
import { unescapeRedirect } from '../uri.ts'
import { matchOrForget, proceed, type ScriptRun, type Step, stop } from './script.ts'
import { compileTarget, compileTemplate } from './template.ts'

const flags = ['last', 'break', 'redirect', 'permanent'] as const

type Flag = (typeof flags)[number]

export function parseRewrite(args: readonly string[], env: ValueEnv): Step {
  const [pattern = '', replacement = '', flagText] = args
  if (env.variables === undefined) throw new ConfError('variables are not supported here')
  const expression = capturing(compileRegex(pattern, { ignoreCase: false }), env.variables)
  if (replacement === '') throw new ConfError('empty replacement')
  const flag = parseFlag(flagText)
  const keepsArgs = !replacement.endsWith('?')
  const text = keepsArgs ? replacement : replacement.slice(0, -1)
  const status = redirectStatus(text, flag)
  return status === 0
    ? changeUri(expression, text, { env, flag, keepsArgs })
    : redirect(expression, text, { env, status, keepsArgs })
}

function parseFlag(text: string | undefined): Flag | undefined {
  if (text === undefined) return undefined
  const flag = flags.find((known) => known === text)
  if (flag === undefined) throw new ConfError(`invalid parameter "${text}"`)
  return flag
}

/** 0 where the replacement is a path of ours. */
function redirectStatus(text: string, flag: Flag | undefined): number {
  if (flag === 'permanent') return 301
  return flag === 'redirect' || isUrl(text) ? 302 : 0
}

/** True for what nginx takes for a place elsewhere. */
export function isUrl(text: string): boolean {
  return /^(?:https?:\/\/|\$scheme)/.test(text)
}

interface ChangeOptions {
  readonly env: ValueEnv
  readonly flag: Flag | undefined
  readonly keepsArgs: boolean
}

function changeUri(
  expression: CapturingRegex,
  text: string,
  { env, flag, keepsArgs }: ChangeOptions,
): Step {
  const { path, args } = compileTarget(text, env)
  const breaks = flag === 'break'
  const last = flag !== undefined
  return (request, run) => {
    if (!matchOrForget(request, run, expression, request.uri)) return proceed
    const before = request.args
    const uri = path.evaluate(request, false)
    const own = args?.evaluate(request, true)
    request.args = own === undefined ? (keepsArgs ? before : '') : joinArgs(own, before, keepsArgs)
    request.hasArgs = request.args !== ''
    request.internal = true
    request.plainUri = false
    if (breaks) request.uriInLocation = false
    run.relocates = !breaks
    run.escapes = false
    if (run.logs) {
      request.logError(`rewritten data: "${uri}", args: "${request.args}"`, 'notice')
    }
    request.uri = uri
    if (uri === '') {
      request.logError('the rewritten URI has a zero length')
      return 500
    }
    return last ? stop : proceed
  }
}

function joinArgs(own: string, before: string, keeps: boolean): string {
  return keeps && before !== '' ? `${own}&${before}` : own
}

interface RedirectOptions {
  readonly env: ValueEnv
  readonly status: number
  readonly keepsArgs: boolean
}

function redirect(
  expression: CapturingRegex,
  text: string,
  { env, status, keepsArgs }: RedirectOptions,
): Step {
  const target = compileTemplate(text, env)
  const joint = compileTarget(text, env).args === undefined ? '?' : '&'
  return (request, run) => {
    if (!matchOrForget(request, run, expression, request.uri)) return proceed
    const bare = unescapeRedirect(target.evaluate(request, true))
    const { args } = request
    send(request, run, keepsArgs && args !== '' ? `${bare}${joint}${args}` : bare)
    return status
  }
}

function send(request: Request, run: ScriptRun, location: string): void {
  request.internal = true
  request.plainUri = false
  request.response.location = location
  if (run.logs) request.logError(`rewritten redirect: "${location}"`, 'notice')
}
