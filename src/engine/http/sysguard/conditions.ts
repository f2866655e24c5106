/**
 * What `sysguard_*` directives say: under which conditions the engine sheds load, and what becomes of
 * the requests then.
 */
import { cpus } from 'node:os'
import { ConfError } from '../../conf/diagnostics.ts'
import { parseFixedPoint, parseNumber, parseOffset, parseTimeMs } from '../../conf/units.ts'
import type { ValueType } from '../../core/module.ts'
import type { AverageRule } from './response-times.ts'
import type { SystemWatch } from './system-watch.ts'

/** A status that ends the request, or where it goes instead: a path, or `@name`. */
export type GuardAction = number | string

/** A limit that is reached or not. */
export interface Condition {
  /** True while load is to be shed. */
  readonly holds: (watch: SystemWatch, responseMs: () => number) => boolean
  /** `load: 12.3, limit: 10`, for the log. */
  readonly describe: (watch: SystemWatch, responseMs: () => number) => string
  /** `undefined` for the usual status. */
  readonly action: GuardAction | undefined
  /** How response times are to be counted for it. */
  readonly average?: AverageRule
}

const statusMin = 400
const statusMax = 599
const samplesMax = 3600

/** `load=[ncpu*]number [action=]` */
export const loadCondition: ValueType<readonly Condition[]> = {
  describe: 'load=[ncpu*]number [action=uri | status]',
  parse: (args) => {
    const { given, action } = parametersOf(args, ['load'])
    const text = needed(given, 'load')
    const [, perCpu, number = ''] = /^(ncpu\*?)?(.*)$/.exec(text)!
    const thousandths = parseFixedPoint(number, 3) ?? refuse('load', text)
    const limit = (thousandths / 1000) * (perCpu === undefined ? 1 : cpus().length)
    return [
      {
        action,
        holds: (watch) => watch.load >= limit,
        describe: (watch) => `load: ${watch.load.toFixed(2)}, limit: ${limit}`,
      },
    ]
  },
}

/** `usage=percent [action=]` */
export const cpuCondition: ValueType<readonly Condition[]> = {
  describe: 'usage=percent [action=uri | status]',
  parse: (args) => {
    const { given, action } = parametersOf(args, ['usage'])
    const limit = percentOf(given, 'usage')
    return [
      {
        action,
        holds: (watch) => watch.cpuPercent >= limit,
        describe: (watch) => `processors: ${watch.cpuPercent.toFixed(1)}%, limit: ${limit}%`,
      },
    ]
  },
}

/** `[swapratio=percent%] [free=size] [action=]` */
export const memoryCondition: ValueType<readonly Condition[]> = {
  describe: '[swapratio=ratio%] [free=size] [action=uri | status]',
  parse: (args) => {
    const { given, action } = parametersOf(args, ['swapratio', 'free'])
    const conditions: Condition[] = []
    if (given.has('swapratio')) {
      const limit = percentOf(given, 'swapratio')
      conditions.push({
        action,
        holds: (watch) => watch.swapUsedPercent >= limit,
        describe: (watch) => `swap: ${watch.swapUsedPercent.toFixed(1)}%, limit: ${limit}%`,
      })
    }
    if (given.has('free')) {
      const text = given.get('free')!
      const limit = parseOffset(text) ?? refuse('free', text)
      conditions.push({
        action,
        holds: (watch) => watch.freeBytes < limit,
        describe: (watch) => `free memory: ${watch.freeBytes}, limit: ${limit}`,
      })
    }
    if (conditions.length > 0) return conditions
    throw new ConfError('"swapratio" or "free" must be given')
  },
}

/** `delay=time [action=]` */
export const loopCondition: ValueType<readonly Condition[]> = {
  describe: 'delay=time [action=uri | status]',
  parse: (args) => {
    const { given, action } = parametersOf(args, ['delay'])
    const limit = timeOf(given, 'delay')
    return [
      {
        action,
        holds: (watch) => watch.loopDelayMs >= limit,
        describe: (watch) => `event loop: ${watch.loopDelayMs.toFixed(1)}ms, limit: ${limit}ms`,
      },
    ]
  },
}

/** `rt=seconds period=time [method=AMM|WMA:samples] [action=]` */
export const responseCondition: ValueType<readonly Condition[]> = {
  describe: 'rt=seconds period=time [method=AMM:number | WMA:number] [action=uri | status]',
  parse: (args) => {
    const { given, action } = parametersOf(args, ['rt', 'period', 'method'])
    const limit = parseFixedPoint(needed(given, 'rt'), 3) ?? refuse('rt', given.get('rt')!)
    const periodMs = timeOf(given, 'period')
    return [
      {
        action,
        average: { periodMs, ...methodOf(given.get('method'), periodMs) },
        holds: (_, responseMs) => responseMs() >= limit,
        describe: (_, responseMs) =>
          `response time: ${responseMs().toFixed(1)}ms, limit: ${limit}ms`,
      },
    ]
  },
}

function methodOf(
  text: string | undefined,
  periodMs: number,
): Pick<AverageRule, 'method' | 'samples'> {
  const seconds = Math.min(Math.max(Math.ceil(periodMs / 1000), 1), samplesMax)
  if (text === undefined) return { method: 'AMM', samples: seconds }
  const match = /^(AMM|WMA):(\d+)$/.exec(text)
  const samples = Number(match?.[2] ?? 0)
  if (match === null || samples < 1 || samples > samplesMax) return refuse('method', text)
  return { method: match[1] as AverageRule['method'], samples }
}

interface Parameters {
  readonly given: ReadonlyMap<string, string>
  readonly action: GuardAction | undefined
}

function parametersOf(args: readonly string[], known: readonly string[]): Parameters {
  const given = new Map<string, string>()
  for (const arg of args) {
    const at = arg.indexOf('=')
    const name = arg.slice(0, Math.max(at, 0))
    if (name !== 'action' && !known.includes(name)) {
      throw new ConfError(`invalid parameter "${arg}"`)
    }
    if (given.has(name)) throw new ConfError(`duplicate parameter "${arg}"`)
    given.set(name, arg.slice(at + 1))
  }
  return { given, action: actionOf(given.get('action')) }
}

function actionOf(text: string | undefined): GuardAction | undefined {
  if (text === undefined || /^(?:\/|@.)/.test(text)) return text
  const status = parseNumber(text) ?? 0
  if (status >= statusMin && status <= statusMax) return status
  return refuse('action', text)
}

function needed(given: ReadonlyMap<string, string>, name: string): string {
  const text = given.get(name)
  if (text === undefined) throw new ConfError(`"${name}" must be given`)
  return text
}

function percentOf(given: ReadonlyMap<string, string>, name: string): number {
  const text = needed(given, name)
  const percent = parseNumber(text.replace(/%$/, ''))
  return percent !== undefined && percent <= 100 ? percent : refuse(name, text)
}

function timeOf(given: ReadonlyMap<string, string>, name: string): number {
  const text = needed(given, name)
  const ms = parseTimeMs(text)
  return ms !== undefined && ms > 0 ? ms : refuse(name, text)
}

function refuse(name: string, text: string): never {
  throw new ConfError(`invalid parameter "${name}=${text}"`)
}
