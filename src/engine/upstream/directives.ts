/**
 * The directives of an `upstream` block, in both subsystems.
 *
 * What a block as a whole means, and in which order its directives count, is `parse-upstream.ts`'s.
 */
import { ConfError } from '../conf/diagnostics.ts'
import {
  numberArgument,
  parseNumber,
  parseSize,
  parseTimeMs,
  timeMsArgument,
} from '../conf/units.ts'
import {
  type BlockRow,
  type Context,
  defineModule,
  type Module,
  type Row,
  type ValueEnv,
  type ValueType,
} from '../core/module.ts'
import { dependOnFile } from '../core/file-dependencies.ts'
import type { BalancerConfig } from './balancer.ts'
import type { BreakerConfig } from './breaker.ts'
import { breakerValue, retryBudgetValue } from './breaker-directive.ts'
import { healthCheckValue } from './health/check-parameters.ts'
import { type CheckParameters, secretParameters } from './health/check-settings.ts'
import { matchBlockRow } from './health/match-block.ts'
import { queueWaitersMax, zoneBytesMin } from './limits.ts'
import type { QueueConfig } from './peer-queue.ts'
import type { TimeKind } from './peer-state.ts'
import {
  type ResolverConfig,
  resolverTimeoutDefaultMs,
  resolverTimeoutValue,
  resolverValue,
} from './resolver-directive.ts'
import type { RetryBudgetConfig } from './retry-budget.ts'
import { type ServerConfig, serverValue } from './server-directive.ts'
import type { StickyConfig } from './sticky.ts'
import { stickyValue } from './sticky-directive.ts'

export interface ZoneConfig {
  readonly name: string
  /** `undefined`: as another group that shares the zone says. */
  readonly bytes: number | undefined
}

export interface StateConfig {
  /** Absolute path. */
  readonly file: string
  /** The servers stand in the block, as the control plane made them, and the file is kept like them. */
  readonly inline: boolean
}

type Method = BalancerConfig | undefined

/** Settings of an upstream block by directive. */
export interface UpstreamConf {
  readonly server: readonly ServerConfig[]
  readonly zone: ZoneConfig | undefined
  readonly hash: Method
  readonly least_conn: Method
  readonly least_time: Method
  readonly random: Method
  readonly state: StateConfig | undefined
  readonly resolver: ResolverConfig | undefined
  readonly resolver_timeout: number
  readonly health_check: readonly CheckParameters[]
  readonly circuit_breaker: BreakerConfig | undefined
  readonly retry_budget: RetryBudgetConfig | undefined
}

export interface HttpUpstreamConf extends UpstreamConf {
  readonly ip_hash: Method
  readonly keepalive: number
  readonly keepalive_requests: number
  readonly keepalive_time: number
  readonly keepalive_timeout: number
  readonly sticky: StickyConfig | undefined
  readonly queue: QueueConfig | undefined
}

const zoneValue: ValueType<ZoneConfig | undefined> = {
  describe: 'name [size]',
  parse([name = '', size]) {
    if (name === '') throw new ConfError(`invalid zone name "${name}"`)
    if (size === undefined) return Object.freeze({ name, bytes: undefined })
    const bytes = parseSize(size)
    if (bytes === undefined) throw new ConfError(`invalid zone size "${size}"`)
    if (bytes < zoneBytesMin) throw new ConfError(`zone "${name}" is too small`)
    return Object.freeze({ name, bytes })
  },
}

const hashValue: ValueType<Method> = {
  describe: 'key [consistent]',
  parse([key = '', option], env) {
    if (option !== undefined && option !== 'consistent') throw invalidParameter(option)
    return Object.freeze({ kind: 'hash', key: env.complex(key), consistent: option !== undefined })
  },
}

/** Times that a method may go by, as they are called in either subsystem. */
const timeNames: Readonly<Record<string, Readonly<Record<string, TimeKind>>>> = {
  'http.upstream': { header: 'header', last_byte: 'last_byte' },
  'stream.upstream': { connect: 'connect', first_byte: 'header', last_byte: 'last_byte' },
}

function timeKind(name: string, { context }: ValueEnv): TimeKind | undefined {
  return timeNames[context]?.[name]
}

const leastTimeValue: ValueType<Method> = {
  describe: 'header | last_byte (stream: connect | first_byte | last_byte)',
  parse([name = ''], env) {
    const time = timeKind(name, env)
    if (time === undefined) throw invalidParameter(name)
    return Object.freeze({ kind: 'least_time', time })
  },
}

const randomValue: ValueType<Method> = {
  describe: '[two [least_conn | least_time=…]]',
  parse([count, method], env) {
    if (count !== undefined && count !== 'two') throw invalidParameter(count)
    const name = method?.startsWith('least_time=') ? method.slice('least_time='.length) : undefined
    const time = name === undefined ? undefined : timeKind(name, env)
    if (method !== undefined && method !== 'least_conn' && time === undefined) {
      throw invalidParameter(method)
    }
    const two = count !== undefined
    return Object.freeze(
      time === undefined ? { kind: 'random', two } : { kind: 'random', two, time },
    )
  },
}

const stateValue: ValueType<StateConfig | undefined> = {
  describe: 'file [inline]',
  parse([path = '', option], env) {
    if (option !== undefined && option !== 'inline') throw invalidParameter(option)
    const file = env.prefixPath(path)
    const inline = option !== undefined
    if (!inline) dependOnFile(env.node, file)
    return Object.freeze({ file, inline })
  },
}

const queueTimeoutDefaultMs = 60_000

const queueValue: ValueType<QueueConfig | undefined> = {
  describe: 'number [timeout=time]',
  parse([number = '', timeout]) {
    const waitersMax = parseNumber(number) ?? 0
    if (waitersMax < 1 || waitersMax > queueWaitersMax) {
      throw new ConfError(`invalid value "${number}" in "queue" directive`)
    }
    const given = timeout?.startsWith('timeout=') ? timeout.slice('timeout='.length) : undefined
    const timeoutMs = given === undefined ? queueTimeoutDefaultMs : parseTimeMs(given)
    if (timeoutMs === undefined || (timeout !== undefined && given === undefined)) {
      throw invalidParameter(timeout ?? '')
    }
    return Object.freeze({ waitersMax, timeoutMs })
  },
}

const keepaliveValue: ValueType<number> = {
  describe: 'connections',
  parse([text = '']) {
    const connections = parseNumber(text) ?? 0
    if (connections > 0) return connections
    throw new ConfError(`invalid value "${text}" in "keepalive" directive`)
  },
}

const countValue: ValueType<number> = {
  describe: 'number',
  parse: ([text = ''], { node }) => numberArgument(node.name, text),
}

const timeValue: ValueType<number> = {
  describe: 'time',
  parse: ([text = ''], { node }) => timeMsArgument(node.name, text),
}

function plainMethod(kind: 'least_conn' | 'ip_hash'): ValueType<Method> {
  const config: BalancerConfig = Object.freeze({ kind })
  return { describe: '', parse: () => config }
}

function invalidParameter(text: string): ConfError {
  return new ConfError(`invalid parameter "${text}"`)
}

/** Methods may be written again; the last one holds. */
function lastOf<T>(values: readonly T[]): T {
  return values.at(-1)!
}

/** Rows of a value that holds in the block it stands in only. */
function row<T>(context: Context, definition: Omit<Row<T>, 'contexts' | 'inherited'>): Row<T> {
  return Object.freeze({ ...definition, contexts: [context], inherited: false })
}

function methodRow(
  context: Context,
  definition: Pick<Row<Method>, 'args' | 'syntax' | 'value' | 'doc'>,
): Row<Method> {
  return row(context, { ...definition, default: undefined, merge: lastOf })
}

type Rows<Conf> = { readonly [Name in keyof Conf]-?: Row<Conf[Name]> }

function upstreamRows(context: Context): Rows<UpstreamConf> {
  return {
    server: row<readonly ServerConfig[]>(context, {
      args: [1, Infinity],
      syntax: 'server address [parameters]',
      value: { ...serverValue, parse: (args, env) => [serverValue.parse(args, env)] },
      default: [],
      merge: (servers) => servers.flat(),
      doc: 'Defines a server of the group: its address and how it is used.',
    }),
    zone: row(context, {
      args: [1, 2],
      syntax: 'zone name [size]',
      value: zoneValue,
      default: undefined,
      merge: lastOf,
      doc: 'Keeps the state of the group in memory that all workers share.',
    }),
    hash: methodRow(context, {
      args: [1, 2],
      syntax: 'hash key [consistent]',
      value: hashValue,
      doc: 'Chooses the server by a hash of the key.',
    }),
    least_conn: methodRow(context, {
      args: [0, 0],
      syntax: 'least_conn',
      value: plainMethod('least_conn'),
      doc: 'Chooses the server with the fewest connections for its weight.',
    }),
    least_time: methodRow(context, {
      args: [1, 1],
      syntax:
        context === 'http.upstream'
          ? 'least_time header | last_byte'
          : 'least_time connect | first_byte | last_byte',
      value: leastTimeValue,
      doc: 'Chooses the server that is expected to answer first, by the times it took and its requests.',
    }),
    random: methodRow(context, {
      args: [0, 2],
      syntax: 'random [two [least_conn | least_time=time]]',
      value: randomValue,
      doc: 'Chooses a server by chance, or the less busy one of two.',
    }),
    state: row(context, {
      args: [1, 2],
      syntax: 'state file [inline]',
      value: stateValue,
      default: undefined,
      doc: 'File of "server" directives, in place of those of the block; kept up to date when members change.',
    }),
    resolver: row(context, {
      args: [1, Infinity],
      syntax: 'resolver address ... [valid=time] [ipv4=on|off] [ipv6=on|off]',
      value: resolverValue,
      default: undefined,
      doc: 'Name servers that look up the names of servers with "resolve".',
    }),
    resolver_timeout: row(context, {
      args: [1, 1],
      syntax: 'resolver_timeout time',
      value: resolverTimeoutValue,
      default: resolverTimeoutDefaultMs,
      doc: 'How long the look-up of a name may take.',
    }),
    ...guardRows(context),
  }
}

function guardRows(
  context: Context,
): Rows<Pick<UpstreamConf, 'health_check' | 'circuit_breaker' | 'retry_budget'>> {
  return {
    health_check: row<readonly CheckParameters[]>(context, {
      args: [0, Infinity],
      syntax: 'health_check [mandatory [persistent]] [parameters]',
      value: { ...healthCheckValue, parse: (args, env) => [healthCheckValue.parse(args, env)] },
      default: [],
      secret: { parameters: secretParameters },
      merge: (checks) => checks.flat(),
      doc: 'Checks the servers of the group again and again; those that are not well get no clients.',
    }),
    circuit_breaker: row(context, {
      args: [1, Infinity],
      syntax: `circuit_breaker ${breakerValue.describe}`,
      value: breakerValue,
      default: undefined,
      doc: 'Takes a server out of use that answers with errors or too late, and lets it back by trials.',
    }),
    retry_budget: row(context, {
      args: [0, Infinity],
      syntax: `retry_budget ${retryBudgetValue.describe}`,
      value: retryBudgetValue,
      default: undefined,
      doc: 'Bounds how many requests are passed to a second server.',
    }),
  }
}

const keepaliveRows: Rows<Omit<HttpUpstreamConf, keyof UpstreamConf>> = {
  ip_hash: methodRow('http.upstream', {
    args: [0, 0],
    syntax: 'ip_hash',
    value: plainMethod('ip_hash'),
    doc: 'Chooses the server by the address of the client.',
  }),
  keepalive: row('http.upstream', {
    args: [1, 1],
    syntax: 'keepalive connections',
    value: keepaliveValue,
    default: 0,
    doc: 'Idle connections to the servers that each worker keeps open.',
  }),
  keepalive_requests: row('http.upstream', {
    args: [1, 1],
    syntax: 'keepalive_requests number',
    value: countValue,
    default: 1000,
    doc: 'Requests after which a kept connection is closed.',
  }),
  keepalive_time: row('http.upstream', {
    args: [1, 1],
    syntax: 'keepalive_time time',
    value: timeValue,
    default: 3_600_000,
    doc: 'Age at which a kept connection takes no more requests.',
  }),
  keepalive_timeout: row('http.upstream', {
    args: [1, 1],
    syntax: 'keepalive_timeout timeout',
    value: timeValue,
    default: 60_000,
    doc: 'How long a kept connection may be idle.',
  }),
  sticky: row('http.upstream', {
    args: [2, Infinity],
    syntax: 'sticky cookie | route | learn parameters',
    value: stickyValue,
    default: undefined,
    doc: 'Sends clients back to the server they were with.',
  }),
  queue: row('http.upstream', {
    args: [1, 2],
    syntax: 'queue number [timeout=time]',
    value: queueValue,
    default: undefined,
    doc: 'Requests that wait while no server can take one more.',
  }),
}

function upstreamBlock(context: 'http' | 'stream'): Readonly<Record<string, BlockRow>> {
  return {
    upstream: {
      contexts: [context],
      args: [1, 1],
      syntax: 'upstream name { ... }',
      opens: `${context}.upstream`,
      repeated: true,
      doc: 'Defines a group of servers.',
    },
    match: matchBlockRow(context),
  }
}

export const streamUpstream: Module<UpstreamConf> = defineModule<UpstreamConf>({
  id: 'stream.upstream',
  directives: upstreamRows('stream.upstream'),
  blocks: upstreamBlock('stream'),
})

export const httpUpstream: Module<HttpUpstreamConf> = defineModule<HttpUpstreamConf>({
  id: 'http.upstream',
  directives: { ...upstreamRows('http.upstream'), ...keepaliveRows },
  blocks: upstreamBlock('http'),
})
