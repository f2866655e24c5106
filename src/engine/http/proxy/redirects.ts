/**
 * `proxy_redirect`: what stands at the beginning of `Location`, and behind `url=` of `Refresh`, is replaced.
 *
 * `default` is worked out of `proxy_pass` and the location it stands in, so rules are compiled there.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { ValueEnv, ValueType } from '../../core/module.ts'
import { compileRegex } from '../../core/regex.ts'
import { capturing, type CapturingRegex, matchInto } from '../../modules/captures.ts'
import type { Request } from '../request.ts'

export type RedirectRule =
  | { readonly kind: 'off' | 'default' }
  | { readonly kind: 'prefix'; readonly from: ComplexValue; readonly to: ComplexValue }
  | { readonly kind: 'regex'; readonly from: CapturingRegex; readonly to: ComplexValue }

export const redirectRule: ValueType<readonly RedirectRule[] | undefined> = {
  describe: 'default | off | redirect replacement',
  parse: ([from = '', to], env) => [parseRule(from, to, env)],
}

function parseRule(from: string, to: string | undefined, env: ValueEnv): RedirectRule {
  if (to === undefined) {
    if (from === 'off' || from === 'false') return { kind: 'off' }
    if (from === 'default') return { kind: 'default' }
    throw new ConfError(`invalid parameter "${from}"`)
  }
  if (!from.startsWith('~')) {
    return { kind: 'prefix', from: env.complex(from), to: env.complex(to) }
  }
  const ignoreCase = from.startsWith('~*')
  const regex = compileRegex(from.slice(ignoreCase ? 2 : 1), { ignoreCase })
  return { kind: 'regex', from: capturing(regex, env.variables!), to: env.complex(to) }
}

/** Replaces the beginning of a text, or returns `undefined` where no rule is for it. */
export type Redirect = (request: Request, text: string) => string | undefined

/** What `default` stands for: the URL of `proxy_pass` becomes the path of its location. */
export interface DefaultRedirect {
  readonly from: string
  readonly to: string
}

/** `undefined` where nothing is replaced. `usual` is missing where `proxy_pass` has variables. */
export function compileRedirects(
  rules: readonly RedirectRule[] = [{ kind: 'default' }],
  usual: DefaultRedirect | undefined,
  explicit = false,
): Redirect | undefined {
  if (rules.some(({ kind }) => kind === 'off')) return undefined
  const compiled = rules.flatMap((rule) => compileRule(rule, usual, explicit) ?? [])
  if (compiled.length === 0) return undefined
  return (request, text) => {
    for (const rule of compiled) {
      const replaced = rule(request, text)
      if (replaced !== undefined) return replaced
    }
    return undefined
  }
}

function compileRule(
  rule: RedirectRule,
  usual: DefaultRedirect | undefined,
  explicit: boolean,
): Redirect | undefined {
  if (rule.kind === 'regex') {
    return (request, text) =>
      matchInto(request, rule.from, text) ? rule.to.evaluate(request) : undefined
  }
  if (rule.kind === 'prefix') {
    return (request, text) => {
      const from = rule.from.evaluate(request)
      return text.startsWith(from) ? rule.to.evaluate(request) + text.slice(from.length) : undefined
    }
  }
  if (usual === undefined) {
    if (!explicit) return undefined
    throw new ConfError(
      '"proxy_redirect default" cannot be used with "proxy_pass" directive with variables',
    )
  }
  const { from, to } = usual
  return (_, text) => (text.startsWith(from) ? to + text.slice(from.length) : undefined)
}

/** `Refresh: 5; url=http://…`: what follows "url=" is a place as `Location` is. */
export function redirectRefresh(
  redirect: Redirect,
  request: Request,
  text: string,
): string | undefined {
  const at = text.toLowerCase().indexOf('url=')
  if (at < 0) return undefined
  const replaced = redirect(request, text.slice(at + 4))
  return replaced === undefined ? undefined : text.slice(0, at + 4) + replaced
}
