/**
 * `server address [parameters]` of an upstream block.
 *
 * ```text
 *   server 10.0.0.1:80 weight=5 max_conns=100 max_fails=3 fail_timeout=30s slow_start=1m backup down;
 *   server 10.0.0.2:80 route=b drain;         takes only clients that are bound to it, by that name
 *   server app.example:80 resolve;              the name is looked up again when its records expire
 *   server app.example service=http resolve;    so are its SRV records, which bring ports and weights
 * ```
 */
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber, parseTimeSeconds } from '../conf/units.ts'
import type { Context, ValueType } from '../core/module.ts'
import { type Endpoint, parseEndpoint } from './addresses.ts'
import { routeBytesMax, weightMax } from './limits.ts'

export interface ServerConfig {
  /** The address as it was written. */
  readonly text: string
  readonly endpoint: Endpoint
  readonly weight: number
  readonly maxConns: number
  readonly maxFails: number
  readonly failTimeoutMs: number
  readonly slowStartMs: number
  readonly backup: boolean
  readonly down: boolean
  /** Takes clients that are bound to it, and no others. */
  readonly drain: boolean
  /** Its name for clients that are bound to it. */
  readonly route: string | undefined
  /** A name that is looked up again and again while the engine runs. */
  readonly resolve: boolean
  readonly service: string | undefined
  /** Parameters as they were written, for messages. */
  readonly parameters: readonly string[]
}

type Settings = { -readonly [Name in keyof ServerConfig]: ServerConfig[Name] }

/** Reads one parameter's value into the settings; false when it is not one. */
type ParameterReader = (settings: Settings, value: string) => boolean

const failTimeoutDefaultMs = 10_000

const valued: Readonly<Record<string, ParameterReader>> = {
  weight: (settings, value) => {
    settings.weight = parseNumber(value) ?? 0
    return settings.weight > 0 && settings.weight <= weightMax
  },
  max_conns: (settings, value) => {
    settings.maxConns = parseNumber(value) ?? -1
    return settings.maxConns >= 0
  },
  max_fails: (settings, value) => {
    settings.maxFails = parseNumber(value) ?? -1
    return settings.maxFails >= 0
  },
  fail_timeout: (settings, value) => {
    settings.failTimeoutMs = (parseTimeSeconds(value) ?? -1) * 1000
    return settings.failTimeoutMs >= 0
  },
  slow_start: (settings, value) => {
    settings.slowStartMs = (parseTimeSeconds(value) ?? -1) * 1000
    return settings.slowStartMs >= 0
  },
  route: (settings, value) => {
    settings.route = value
    return value !== '' && Buffer.byteLength(value) <= routeBytesMax
  },
  service: (settings, value) => {
    settings.service = value
    return value !== ''
  },
}

const flags: Readonly<Record<string, (settings: Settings) => void>> = {
  backup: (settings) => {
    settings.backup = true
  },
  down: (settings) => {
    settings.down = true
  },
  drain: (settings) => {
    settings.drain = true
  },
  resolve: (settings) => {
    settings.resolve = true
  },
}

export const serverValue: ValueType<ServerConfig> = {
  describe: 'address [parameters]',
  parse: (args, { context }) => parseServer(args, context),
}

/** Reads the arguments of the directive in that context. Throws `ConfError`. */
export function parseServer(
  [text = '', ...parameters]: readonly string[],
  context: Context,
): ServerConfig {
  const settings: Settings = { ...defaults, text, parameters }
  for (const parameter of parameters) readParameter(settings, parameter)
  settings.endpoint = readEndpoint(settings, context)
  // An address needs no looking up: the parameter is for names.
  if (settings.endpoint.family !== 'name') settings.resolve = false
  return Object.freeze(settings)
}

const defaults: Omit<Settings, 'text' | 'parameters'> = {
  endpoint: { family: 'name', host: '', port: 0 },
  weight: 1,
  maxConns: 0,
  maxFails: 1,
  failTimeoutMs: failTimeoutDefaultMs,
  slowStartMs: 0,
  backup: false,
  down: false,
  drain: false,
  route: undefined,
  resolve: false,
  service: undefined,
}

function readParameter(settings: Settings, parameter: string): void {
  const flag = flags[parameter]
  if (flag !== undefined) {
    flag(settings)
    return
  }
  const equals = parameter.indexOf('=')
  const read = equals < 0 ? undefined : valued[parameter.slice(0, equals)]
  if (read?.(settings, parameter.slice(equals + 1)) === true) return
  throw new ConfError(`invalid parameter "${parameter}"`)
}

function readEndpoint({ text, service, resolve }: Settings, context: Context): Endpoint {
  if (service === undefined) {
    const options = context === 'http.upstream' ? { defaultPort: 80 } : {}
    const endpoint = parseEndpoint(text, { ...options, purpose: 'upstream' })
    if (endpoint.family !== 'name' || endpoint.port !== 0) return endpoint
    throw new ConfError(`no port in upstream "${text}"`)
  }
  if (!resolve) throw new ConfError(`service upstream "${text}" requires "resolve" parameter`)
  const endpoint = parseEndpoint(text, { defaultPort: 0, purpose: 'upstream' })
  if (endpoint.family === 'name' && endpoint.port === 0) return endpoint
  throw new ConfError(`service upstream "${text}" may not have port`)
}
