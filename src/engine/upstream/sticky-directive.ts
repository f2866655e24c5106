/**
 * `sticky cookie name [expires=time] [domain=domain] [httponly] [samesite=…] [secure] [path=path]`,
 * `sticky route $variable ...`,
 * `sticky learn create=$variable lookup=$variable zone=name:size [timeout=time] [header]`.
 */
import { ConfError } from '../conf/diagnostics.ts'
import { parseSize, parseTimeSeconds } from '../conf/units.ts'
import type { ComplexValue } from '../core/complex-value.ts'
import type { ValueEnv, ValueType } from '../core/module.ts'
import { zoneBytesMin } from './limits.ts'
import type { StickyConfig, StickyCookie, StickyLearn } from './sticky.ts'

type Draft<T> = { -readonly [Name in keyof T]: T[Name] }

const learnTimeoutDefaultMs = 600_000

export const stickyValue: ValueType<StickyConfig | undefined> = {
  describe: 'cookie … | route … | learn …',
  parse([kind = '', ...args], env) {
    if (kind === 'cookie') return readCookie(args, env)
    if (kind === 'route') return readRoute(args, env)
    if (kind === 'learn') return readLearn(args, env)
    throw invalid(kind)
  },
}

function invalid(parameter: string): ConfError {
  return new ConfError(`invalid parameter "${parameter}"`)
}

function readCookie([name = '', ...parameters]: readonly string[], env: ValueEnv): StickyCookie {
  if (!/^[A-Za-z0-9_]+$/.test(name)) throw new ConfError(`invalid cookie name "${name}"`)
  const cookie: Draft<StickyCookie> = {
    kind: 'cookie',
    name,
    value: env.complex(`$cookie_${name}`),
    expiresSeconds: undefined,
    domain: undefined,
    path: undefined,
    sameSite: undefined,
    httpOnly: false,
    secure: false,
  }
  for (const parameter of parameters) readCookieParameter(cookie, parameter, env)
  return Object.freeze(cookie)
}

function readCookieParameter(cookie: Draft<StickyCookie>, parameter: string, env: ValueEnv): void {
  const [name, value = ''] = splitOnce(parameter)
  if (parameter === 'httponly') cookie.httpOnly = true
  else if (parameter === 'secure') cookie.secure = true
  else if (name === 'path' && value !== '') cookie.path = value
  else if (name === 'domain' && value !== '') cookie.domain = env.complex(value)
  else if (name === 'samesite') cookie.sameSite = readSameSite(value, parameter, env)
  else if (name === 'expires') cookie.expiresSeconds = readExpiry(value, parameter)
  else throw invalid(parameter)
}

function readSameSite(value: string, parameter: string, env: ValueEnv): ComplexValue {
  const complex = env.complex(value)
  const { constant } = complex
  if (constant === undefined || /^(?:strict|lax|none)$/.test(constant)) return complex
  throw invalid(parameter)
}

function readExpiry(value: string, parameter: string): number {
  const seconds = value === 'max' ? Infinity : parseTimeSeconds(value)
  if (seconds === undefined) throw invalid(parameter)
  return seconds
}

function readRoute(args: readonly string[], env: ValueEnv): StickyConfig {
  if (args.length === 0) throw new ConfError('no variables in "sticky route"')
  return Object.freeze({ kind: 'route', values: args.map((text) => variable(text, text, env)) })
}

function readLearn(args: readonly string[], env: ValueEnv): StickyLearn {
  const learn: Draft<StickyLearn> & { create: ComplexValue[]; lookup: ComplexValue[] } = {
    kind: 'learn',
    create: [],
    lookup: [],
    zone: '',
    bytes: 0,
    timeoutMs: learnTimeoutDefaultMs,
    atHead: false,
  }
  for (const parameter of args) {
    const [name, value = ''] = splitOnce(parameter)
    if (name === 'create') learn.create.push(variable(value, parameter, env))
    else if (name === 'lookup') learn.lookup.push(variable(value, parameter, env))
    else if (name === 'zone') Object.assign(learn, readZone(value, parameter))
    else if (name === 'timeout') learn.timeoutMs = readTimeout(value, parameter)
    else if (parameter === 'header') learn.atHead = true
    else throw invalid(parameter)
  }
  if (learn.create.length === 0) throw new ConfError('no "create" parameter in "sticky learn"')
  if (learn.lookup.length === 0) throw new ConfError('no "lookup" parameter in "sticky learn"')
  if (learn.zone === '') throw new ConfError('no "zone" parameter in "sticky learn"')
  return Object.freeze(learn)
}

function variable(text: string, parameter: string, env: ValueEnv): ComplexValue {
  if (!text.startsWith('$')) throw invalid(parameter)
  return env.complex(text)
}

function readZone(value: string, parameter: string): { zone: string; bytes: number } {
  const [zone = '', size = ''] = value.split(':', 2)
  const bytes = parseSize(size)
  if (zone === '' || bytes === undefined) throw invalid(parameter)
  if (bytes < zoneBytesMin) throw new ConfError(`zone "${zone}" is too small`)
  return { zone, bytes }
}

function readTimeout(value: string, parameter: string): number {
  const seconds = parseTimeSeconds(value)
  if (seconds === undefined) throw invalid(parameter)
  return seconds * 1000
}

/** At the first "=". */
function splitOnce(parameter: string): readonly [string, string?] {
  const at = parameter.indexOf('=')
  return at < 0 ? [parameter] : [parameter.slice(0, at), parameter.slice(at + 1)]
}
