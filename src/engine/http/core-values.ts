/** How directives of the HTTP module become values. */
import { hostname } from 'node:os'
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber, parseSize, parseTimeMs, parseTimeSeconds } from '../conf/units.ts'
import type { ComplexValue } from '../core/complex-value.ts'
import type { ValueType } from '../core/module.ts'
import { parseServerName, type ServerName } from '../core/server-names.ts'
import { type ListenGrammar, parseListen } from '../modules/listen.ts'
import type { HttpListen, HttpTrait } from './server.ts'

export interface LargeBuffers {
  readonly count: number
  readonly bytes: number
}

export interface KeepAliveTimeout {
  /** 0: no keep-alive. */
  readonly ms: number
  /** Told to the client in `Keep-Alive: timeout=`; 0: not told. */
  readonly headerSeconds: number
}

export interface ErrorPage {
  readonly codes: readonly number[]
  /** Status to send instead; 0 for that of the page itself; `undefined` keeps the error's. */
  readonly overwrite: number | undefined
  readonly target: ComplexValue
}

const grammar: ListenGrammar<HttpTrait> = {
  traits: ['ssl', 'http2', 'proxy_protocol'],
  udp: false,
  defaultPort: 80,
  unknown: (parameter) => `invalid parameter "${parameter}"`,
}

export const listenType: ValueType<readonly HttpListen[]> = {
  describe: 'address[:port] [parameters]',
  parse: ([where = '', ...parameters]) => [parseListen(where, parameters, grammar)],
}

export const serverNames: ValueType<readonly ServerName[]> = {
  describe: 'name ...',
  parse: (args) => args.flatMap(parseName),
}

function parseName(text: string): readonly ServerName[] {
  if (text.toLowerCase() === '$hostname') return parseServerName(hostname())
  try {
    return parseServerName(text)
  } catch (error) {
    if (!(error instanceof ConfError) || !error.message.startsWith('invalid server name')) {
      throw error
    }
    throw new ConfError(`invalid server name or wildcard "${text}"`)
  }
}

/** A directive that says all by standing there. */
export const noArguments: ValueType<boolean> = { describe: '', parse: () => true }

export const largeBuffers: ValueType<LargeBuffers> = {
  describe: 'number size',
  parse: ([number = '', size = ''], { node }) => {
    const count = parseNumber(number) ?? 0
    const bytes = parseSize(size) ?? 0
    if (count === 0 || bytes === 0) throw new ConfError(`"${node.name}" directive invalid value`)
    return { count, bytes }
  },
}

export const keepAliveTimeout: ValueType<KeepAliveTimeout> = {
  describe: 'time [time]',
  parse: ([timeout = '', header], { node }) => {
    const ms = parseTimeMs(timeout)
    const headerSeconds = header === undefined ? 0 : parseTimeSeconds(header)
    if (ms === undefined || headerSeconds === undefined) {
      throw new ConfError(`"${node.name}" directive invalid value`)
    }
    return { ms, headerSeconds }
  },
}

const codeMin = 300
const codeMax = 599

/** `code ... [=[response]] uri`. */
export const errorPage: ValueType<readonly ErrorPage[]> = {
  describe: 'code ... [=[response]] uri',
  parse: (args, env) => {
    const uri = args.at(-1)!
    const rest = args.slice(0, -1)
    const last = rest.at(-1)!
    const overwrite = last.startsWith('=') ? parseOverwrite(last) : undefined
    const codes = (last.startsWith('=') ? rest.slice(0, -1) : rest).map(parseCode)
    if (codes.length === 0) throw new ConfError(`invalid value "${last}"`)
    return [{ codes, overwrite, target: env.complex(uri) }]
  },
}

function parseOverwrite(text: string): number {
  if (text === '=') return 0
  const code = parseNumber(text.slice(1))
  if (code === undefined) throw new ConfError(`invalid value "${text}"`)
  return code
}

function parseCode(text: string): number {
  const code = parseNumber(text)
  if (code === undefined) throw new ConfError(`invalid value "${text}"`)
  if (code === 499) throw new ConfError(`invalid value "${text}"`)
  if (code < codeMin || code > codeMax) {
    throw new ConfError(`value "${text}" must be between ${codeMin} and ${codeMax}`)
  }
  return code
}

const disablable = ['msie6', 'safari'] as const

/** Browsers for which connections are not kept. */
export type KeepAliveBrowser = (typeof disablable)[number]

export const keepAliveDisable: ValueType<readonly KeepAliveBrowser[]> = {
  describe: 'none | browser ...',
  parse: (args) =>
    args.flatMap((text) => {
      const browser = disablable.find((known) => known === text.toLowerCase())
      if (browser === undefined && text.toLowerCase() !== 'none') {
        throw new ConfError(`invalid value "${text}"`)
      }
      return browser ?? []
    }),
}
