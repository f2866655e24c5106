/** Values of the directives that both subsystems have: keys to count by, averages, buckets, limits. */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseNumber, parseOffset, parseTimeMs } from '../../conf/units.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { ValueType } from '../../core/module.ts'
import { bucketsMax, filterKeysMax } from './limits.ts'
import {
  bytesInAt,
  bytesOutAt,
  cacheAt,
  cacheStatuses,
  requestsAt,
  statusesAt,
} from './traffic-row.ts'

export interface FilterKey {
  readonly key: ComplexValue
  /** What the keys are listed under; `undefined` where they stand among the servers. */
  readonly group: ComplexValue | undefined
}

export const filterKey: ValueType<readonly FilterKey[]> = {
  describe: 'key [name]',
  parse: ([key = '', group], env) => [
    { key: env.complex(key), group: group === undefined ? undefined : env.complex(group) },
  ],
}

/** How many keys of filters there may be. */
export interface FilterLimit {
  readonly keys: number
  /** Beginnings of the names of groups that are meant; none for all. */
  readonly groups: readonly string[]
}

/** `undefined`: there is no limit but the zone's. */
export const filterLimit: ValueType<FilterLimit | undefined> = {
  describe: 'number [string ...]',
  parse: parseFilterLimit,
}

/** Throws `ConfError`. */
export function parseFilterLimit([number = '', ...groups]: readonly string[]):
  | FilterLimit
  | undefined {
  const keys = parseNumber(number)
  if (keys === undefined || keys > filterKeysMax) {
    throw new ConfError(`invalid number "${number}"`)
  }
  return keys === 0 ? undefined : { keys, groups }
}

/** Each pair of key and name once, where that is wished. */
export function withoutRepeats(
  filters: readonly FilterKey[],
  wished: boolean,
): readonly FilterKey[] {
  if (!wished) return filters
  const seen = new Map(
    filters.map((filter) => [`${filter.key.text} ${filter.group?.text}`, filter]),
  )
  return [...seen.values()]
}

export interface AverageMethod {
  readonly average: 'AMM' | 'WMA'
  readonly periodMs: number
}

export const usualAverage: AverageMethod = { average: 'AMM', periodMs: 60_000 }

export const averageMethod: ValueType<AverageMethod> = {
  describe: 'AMM | WMA [period]',
  parse: ([method = '', period]) => {
    if (method !== 'AMM' && method !== 'WMA') throw new ConfError(`invalid value "${method}"`)
    const periodMs = period === undefined ? usualAverage.periodMs : parseTimeMs(period)
    if (periodMs === undefined) throw new ConfError(`invalid period "${period}"`)
    return { average: method, periodMs }
  },
}

/** Where traffic is kept, and how often it is written there. */
export interface DumpPlace {
  readonly path: string
  readonly periodMs: number
}

const usualDumpPeriodMs = 60_000

export const dumpPlace: ValueType<DumpPlace | undefined> = {
  describe: 'path [period]',
  parse: ([path = '', period], env) => {
    const periodMs = period === undefined ? usualDumpPeriodMs : parseTimeMs(period)
    if (periodMs === undefined || periodMs === 0) throw new ConfError(`invalid period "${period}"`)
    return { path: env.prefixPath(path), periodMs }
  },
}

/** Seconds with up to three decimals, ascending; in milliseconds. */
export const histogramBuckets: ValueType<readonly number[]> = {
  describe: 'seconds ...',
  parse: (args) => {
    if (args.length > bucketsMax) {
      throw new ConfError(`the number of buckets must be ${bucketsMax} at most`)
    }
    const bounds = args.map((text) => {
      if (!/^\d+(\.\d{1,3})?$/.test(text)) throw new ConfError(`invalid bucket "${text}"`)
      return Math.round(Number(text) * 1000)
    })
    for (const [i, bound] of bounds.entries()) {
      if (bound > (bounds[i - 1] ?? 0)) continue
      throw new ConfError(`buckets must ascend from 0.001, not "${args[i]}"`)
    }
    return bounds
  },
}

/** Where each number that can be limited stands in a row. */
const members: ReadonlyMap<string, number> = new Map([
  ['in', bytesInAt],
  ['out', bytesOutAt],
  ...['1xx', '2xx', '3xx', '4xx', '5xx'].map((name, i) => [name, statusesAt + i] as const),
  ...cacheStatuses.map((name, i) => [`cache_${name}`, cacheAt + i] as const),
])

/** What is limited: as many of a member as that, and then a status. */
export interface TrafficLimit {
  /** `undefined` for the virtual server's own. */
  readonly key: ComplexValue | undefined
  readonly member: string
  /** Where it stands in a row. */
  readonly field: number
  readonly max: number
  readonly status: number
}

/** `requests` is what the subsystem calls what it counts. */
export function limitTraffic(requests: 'request' | 'connect'): ValueType<readonly TrafficLimit[]> {
  return {
    describe: 'member:size [code]',
    parse: ([what = '', code]) => [{ key: undefined, ...parseLimit(what, code, requests) }],
  }
}

export function limitTrafficByKey(
  requests: 'request' | 'connect',
): ValueType<readonly TrafficLimit[]> {
  return {
    describe: 'key member:size [code]',
    parse: ([key = '', what = '', code], env) => {
      if (!/^(NO|UA)@.|^(UG|FG)@.*@./.test(key)) throw new ConfError(`invalid key "${key}"`)
      return [{ key: env.complex(key), ...parseLimit(what, code, requests) }]
    },
  }
}

function parseLimit(
  what: string,
  code: string | undefined,
  requests: string,
): Omit<TrafficLimit, 'key'> {
  const colon = what.indexOf(':')
  const member = what.slice(0, colon)
  const field = member === requests ? requestsAt : members.get(member)
  if (colon < 0 || field === undefined || (requests === 'connect' && field >= cacheAt)) {
    throw new ConfError(`invalid member "${what}"`)
  }
  const max = parseOffset(what.slice(colon + 1))
  if (max === undefined) throw new ConfError(`invalid size "${what}"`)
  const status = code === undefined ? 503 : parseNumber(code)
  if (status === undefined || status < 200 || status > 999) {
    throw new ConfError(`invalid status "${code}"`)
  }
  return { member, field, max, status }
}

/** Each limit once, the last one, where that is wished. */
export function limitsOnce(
  limits: readonly TrafficLimit[],
  wished: boolean,
): readonly TrafficLimit[] {
  if (!wished) return limits
  return [...new Map(limits.map((limit) => [`${limit.key?.text} ${limit.member}`, limit])).values()]
}
