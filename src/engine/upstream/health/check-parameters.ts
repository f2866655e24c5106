/**
 * `health_check`: how the servers of a group are checked.
 *
 * ```nginx
 * health_check mandatory persistent;                     # new servers wait for a check, whatever checks there are
 * health_check interval=3s fails=2 passes=2 uri=/health; # as in nginx
 * health_check type=grpc grpc_service=shop ssl=on;
 * health_check type=mysql user=probe "select=SELECT 1";
 * ```
 *
 * The words `mandatory` and `persistent` alone define no check: checks may come by the API. Every other
 * parameter, or none at all, defines one. What a server was found to be is kept over a reload in any case,
 * which is what `persistent` asks for.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ValueEnv, ValueType } from '../../core/module.ts'
import { type CheckParameters, parameters, type Settings } from './check-settings.ts'
import type { ProbeType } from './probe.ts'

const types: readonly ProbeType[] = ['http', 'grpc', 'tcp', 'udp', 'mysql']

export const healthCheckValue: ValueType<CheckParameters> = {
  describe: '[mandatory [persistent]] [parameters]',
  parse(words, env) {
    const settings = defaultsFor(knownType(typeOf(words, env.context)))
    settings.isCheck = words.length === 0
    for (const each of words) readWord(settings, each, env)
    if (settings.persistent && !settings.mandatory) {
      throw new ConfError('"persistent" needs "mandatory" in "health_check"')
    }
    return Object.freeze(settings)
  },
}

/** Which type of check the words define: `type=http`, in streams also `udp` alone, as in nginx. */
export function typeOf(words: readonly string[], context: ValueEnv['context']): string {
  const given = words.findLast((each) => each.startsWith('type='))?.slice('type='.length)
  if (given !== undefined) return given
  if (context === 'http.upstream') return 'http'
  return words.includes('udp') ? 'udp' : 'tcp'
}

function knownType(given: string): ProbeType {
  const type = types.find((each) => each === given)
  if (type === undefined) throw new ConfError(`invalid type "${given}" in "health_check"`)
  return type
}

function defaultsFor(type: ProbeType): Settings {
  return {
    mandatory: false,
    persistent: false,
    isCheck: false,
    type,
    intervalMs: 5000,
    jitterMs: 0,
    timeoutMs: 5000,
    passes: 1,
    fails: 1,
    port: 0,
    visitIntervalMs: 0,
    match: undefined,
    uri: '/',
    host: undefined,
    rules: [],
    judgesStatus: false,
    onlyPort: false,
    keepaliveMs: 0,
    grpcService: '',
    grpcStatus: undefined,
    dialogue: {},
    sql: { select: undefined, useSsl: true, user: '', password: '', db: '' },
    ssl: false,
    tls: {
      name: undefined,
      serverName: false,
      sessionReuse: false,
      protocols: ['TLSv1.2', 'TLSv1.3'],
      ciphers: 'DEFAULT',
      verify: false,
      verifyDepth: 1,
    },
  }
}

function readWord(settings: Settings, each: string, env: ValueEnv): void {
  if (each === 'mandatory') settings.mandatory = true
  else if (each === 'persistent') settings.persistent = true
  else {
    settings.isCheck = true
    if (!isType(each, env)) readValue(settings, each, env)
  }
}

function isType(each: string, { context }: ValueEnv): boolean {
  return each.startsWith('type=') || (each === 'udp' && context === 'stream.upstream')
}

function readValue(settings: Settings, each: string, env: ValueEnv): void {
  const equals = each.indexOf('=')
  const name = each.slice(0, Math.max(equals, 0))
  const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined
  if (parameter === undefined) throw new ConfError(`invalid parameter "${each}"`)
  if (parameter.types !== undefined && !parameter.types.includes(settings.type)) {
    throw new ConfError(`a health check of type "${settings.type}" has no parameter "${name}"`)
  }
  if (parameter.read(settings, each.slice(equals + 1), env)) return
  throw new ConfError(`invalid parameter "${each}"`)
}
