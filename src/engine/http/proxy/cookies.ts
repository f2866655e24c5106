/** `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`: changes to `Set-Cookie`. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { ValueEnv, ValueType } from '../../core/module.ts'
import { compileRegex } from '../../core/regex.ts'
import { capturing, type CapturingRegex, matchInto } from '../../modules/captures.ts'
import type { Request } from '../request.ts'

/** `undefined` in place of a pattern is `off`. */
export interface CookieRule {
  readonly from: ComplexValue | CapturingRegex | undefined
  readonly to: ComplexValue | undefined
}

export interface CookieFlagRule {
  readonly name: ComplexValue | CapturingRegex | undefined
  readonly flags: readonly ComplexValue[]
}

export function cookieRule(what: 'domain' | 'path'): ValueType<readonly CookieRule[]> {
  return {
    describe: `off | ${what} replacement`,
    parse: ([from = '', to], env) => {
      if (to !== undefined) {
        const pattern = from.startsWith('~')
          ? expression(from, env, what === 'domain' || from.startsWith('~*'))
          : env.complex(bare(from))
        return [{ from: pattern, to: env.complex(what === 'domain' ? bare(to) : to) }]
      }
      if (from !== 'off') throw new ConfError(`invalid parameter "${from}"`)
      return [{ from: undefined, to: undefined }]
    },
  }

  /** Domains mean the same with and without the dot in front. */
  function bare(text: string): string {
    return what === 'domain' ? text.replace(/^\./, '') : text
  }
}

const flagNames: ReadonlySet<string> = new Set([
  'secure',
  'nosecure',
  'httponly',
  'nohttponly',
  'samesite=strict',
  'samesite=lax',
  'samesite=none',
  'nosamesite',
])

export const cookieFlags: ValueType<readonly CookieFlagRule[]> = {
  describe: 'off | cookie [flag ...]',
  parse: ([name = '', ...flags], env) => {
    if (flags.length === 0 && name === 'off') return [{ name: undefined, flags: [] }]
    if (flags.length === 0) throw new ConfError(`invalid parameter "${name}"`)
    const values = flags.map((flag) => env.complex(flag))
    const bad = values.find(({ constant }) => constant !== undefined && !isFlag(constant))
    if (bad !== undefined) throw new ConfError(`invalid parameter "${bad.text}"`)
    const pattern = name.startsWith('~') ? expression(name, env, true) : env.complex(name)
    return [{ name: pattern, flags: values }]
  },
}

function isFlag(text: string): boolean {
  return flagNames.has(text.toLowerCase())
}

function expression(text: string, env: ValueEnv, ignoreCase: boolean): CapturingRegex {
  const regex = compileRegex(text.replace(/^~\*?/, ''), { ignoreCase })
  return capturing(regex, env.variables!)
}

export interface CookieConf {
  readonly proxy_cookie_domain: readonly CookieRule[]
  readonly proxy_cookie_path: readonly CookieRule[]
  readonly proxy_cookie_flags: readonly CookieFlagRule[]
}

/** Changes the value of one `Set-Cookie`. */
export type CookieRewrite = (request: Request, cookie: string) => string

/** `undefined` where cookies go through as they are. */
export function compileCookies(conf: CookieConf): CookieRewrite | undefined {
  const domains = inForce(conf.proxy_cookie_domain, ({ from }) => from)
  const paths = inForce(conf.proxy_cookie_path, ({ from }) => from)
  const flags = inForce(conf.proxy_cookie_flags, ({ name }) => name)
  if (domains.length + paths.length + flags.length === 0) return undefined
  return (request, cookie) => {
    const parts = cookie.split(';')
    if (domains.length > 0) replaceAttribute(request, parts, 'domain', domains)
    if (paths.length > 0) replaceAttribute(request, parts, 'path', paths)
    if (flags.length > 0) setFlags(request, parts, flags)
    return parts.join(';')
  }
}

/** One `off` takes all rules of its list away. */
function inForce<Rule>(rules: readonly Rule[], pattern: (rule: Rule) => unknown): readonly Rule[] {
  return rules.some((rule) => pattern(rule) === undefined) ? [] : rules
}

function replaceAttribute(
  request: Request,
  parts: string[],
  attribute: 'domain' | 'path',
  rules: readonly CookieRule[],
): void {
  const at = parts.findIndex((part, i) => i > 0 && attributeName(part) === attribute)
  if (at < 0) return
  const part = parts[at]!
  const equals = part.indexOf('=')
  if (equals < 0) return
  const value = part.slice(equals + 1)
  for (const rule of rules) {
    const replaced =
      attribute === 'path' ? replacePath(request, value, rule) : replaceDomain(request, value, rule)
    if (replaced === undefined) continue
    parts[at] = `${part.slice(0, equals + 1)}${replaced}`
    return
  }
}

function attributeName(part: string): string {
  return part.split('=', 1)[0]!.trim().toLowerCase()
}

/** A path is replaced at its beginning. */
function replacePath(
  request: Request,
  value: string,
  { from, to }: CookieRule,
): string | undefined {
  if (isExpression(from)) return matchInto(request, from, value) ? to!.evaluate(request) : undefined
  const prefix = from!.evaluate(request)
  if (!value.startsWith(prefix)) return undefined
  return to!.evaluate(request) + value.slice(prefix.length)
}

/** A domain is replaced whole. */
function replaceDomain(
  request: Request,
  value: string,
  { from, to }: CookieRule,
): string | undefined {
  const bare = value.replace(/^\./, '')
  const same = isExpression(from)
    ? matchInto(request, from, bare)
    : bare.toLowerCase() === from!.evaluate(request).toLowerCase()
  if (!same) return undefined
  return `${bare === value ? '' : '.'}${to!.evaluate(request)}`
}

function isExpression(
  pattern: ComplexValue | CapturingRegex | undefined,
): pattern is CapturingRegex {
  return pattern !== undefined && 'regex' in pattern
}

function setFlags(request: Request, parts: string[], rules: readonly CookieFlagRule[]): void {
  const name = parts[0]!.split('=', 1)[0]!.trim()
  const rule = rules.find((one) => isNamed(request, name, one.name!))
  if (rule === undefined) return
  const flags = rule.flags.map((flag) => flag.evaluate(request).toLowerCase())
  // As nginx, whatever order they were given in.
  for (const attribute of ['secure', 'httponly', 'samesite']) {
    const flag = flags.findLast((one) => one.replace(/^no/, '').startsWith(attribute))
    if (flag !== undefined) setFlag(parts, flag)
  }
}

function isNamed(request: Request, name: string, pattern: ComplexValue | CapturingRegex): boolean {
  if (isExpression(pattern)) return matchInto(request, pattern, name)
  return pattern.evaluate(request).toLowerCase() === name.toLowerCase()
}

const flagTexts: Readonly<Record<string, string>> = {
  secure: ' Secure',
  httponly: ' HttpOnly',
  'samesite=strict': ' SameSite=Strict',
  'samesite=lax': ' SameSite=Lax',
  'samesite=none': ' SameSite=None',
}

function setFlag(parts: string[], flag: string): void {
  const attribute = flag.replace(/^no/, '').split('=', 1)[0]!
  const at = parts.findIndex((part, i) => i > 0 && attributeName(part) === attribute)
  const text = flagTexts[flag]
  if (text === undefined) {
    if (at >= 0 && flag.startsWith('no')) parts.splice(at, 1)
  } else if (at < 0) parts.push(text)
  else if (attribute === 'samesite') parts[at] = text
}
