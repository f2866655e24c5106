/**
 * `sysguard*`: sheds load while the machine, or this process, has too much of it.
 *
 * The directives are those of the sysguard module that is in use for nginx, with the delay of the event
 * loop besides: it tells sooner than anything else that a worker is behind.
 */
import type { Row, ValueType } from '../../core/module.ts'
import { monotonicMs } from '../../core/monotonic.ts'
import { type LimitLogLevel, limitLogLevel } from '../../modules/limit-conn.ts'
import { concat, flag, oneOf, timeMs } from '../../modules/value-types.ts'
import {
  defineHttpModule,
  type Handler,
  type HttpModule,
  type LocationEnv,
  type LogHandler,
  outcomes,
  type RequestVariables,
} from '../module.ts'
import type { Request } from '../request.ts'
import {
  type Condition,
  cpuCondition,
  type GuardAction,
  loadCondition,
  loopCondition,
  memoryCondition,
  responseCondition,
} from '../sysguard/conditions.ts'
import { ResponseTimes } from '../sysguard/response-times.ts'
import { type SystemWatch, systemWatchOf } from '../sysguard/system-watch.ts'
import { live } from '../variable-definition.ts'

export interface HttpSysguardConf {
  readonly sysguard: boolean
  readonly sysguard_load: readonly Condition[]
  readonly sysguard_cpu: readonly Condition[]
  readonly sysguard_mem: readonly Condition[]
  readonly sysguard_loop: readonly Condition[]
  readonly sysguard_rt: readonly Condition[]
  readonly sysguard_mode: 'or' | 'and'
  readonly sysguard_interval: number
  readonly sysguard_log_level: LimitLogLevel
}

/** What the handlers of a location work with. */
interface Guard {
  readonly conditions: readonly Condition[]
  readonly all: boolean
  readonly watch: SystemWatch
  readonly responseMs: () => number
  readonly level: LimitLogLevel
  /** Slot of `$sysguard_status`. */
  readonly status: number
}

const usualStatus = 503
const intervalDefaultMs = 1_000
/** The machine’s numbers change no faster. */
const intervalMsMin = 50

const everywhere = ['http', 'http.server', 'http.location'] as const

const variables: RequestVariables = {
  sysguard_status: { get: () => undefined, doc: 'What sysguard made of the request.' },
  sysguard_load: watched(({ load }) => load * 1000, 'Load of the machine, in thousandths.'),
  sysguard_cpu: watched(({ cpuPercent }) => cpuPercent, 'Percent of the processors in use.'),
  sysguard_loop: watched(({ loopDelayMs }) => loopDelayMs, 'Milliseconds the event loop is late.'),
  sysguard_free: watched(({ freeBytes }) => freeBytes, 'Memory that is free or can be had.'),
  sysguard_swapstat: watched(({ swapUsedPercent }) => swapUsedPercent, 'Percent of swap in use.'),
}

export const httpSysguard: HttpModule<HttpSysguardConf> = defineHttpModule<HttpSysguardConf>({
  id: 'http.sysguard',
  loadNames: ['http_sysguard_module'],
  variables,
  idle: true,
  directives: {
    sysguard: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'sysguard on | off',
      value: flag,
      default: false,
      doc: 'Sheds load under the conditions that the other directives set.',
    },
    sysguard_load: row(
      'sysguard_load',
      loadCondition,
      'Sheds load while that of the machine has reached a number.',
    ),
    sysguard_cpu: row(
      'sysguard_cpu',
      cpuCondition,
      'Sheds load while so much of the processors is in use.',
    ),
    sysguard_mem: row(
      'sysguard_mem',
      memoryCondition,
      'Sheds load while swap is in use, or memory is short.',
    ),
    sysguard_loop: row(
      'sysguard_loop',
      loopCondition,
      'Sheds load while the worker’s event loop is so late.',
    ),
    sysguard_rt: row(
      'sysguard_rt',
      responseCondition,
      'Sheds load while requests take so long on average.',
    ),
    sysguard_mode: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'sysguard_mode or | and',
      value: oneOf('or', 'and'),
      default: 'or',
      doc: 'Sheds load when any of the conditions holds, or when all do.',
    },
    sysguard_interval: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'sysguard_interval time',
      value: timeMs,
      default: intervalDefaultMs,
      doc: 'Sets how often the machine is looked at.',
    },
    sysguard_log_level: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'sysguard_log_level info | notice | warn | error',
      value: limitLogLevel,
      default: 'error',
      doc: 'Sets the level at which shed requests are logged.',
    },
  },
  hooks: {
    preaccess: (conf, env): Handler | undefined => {
      const conditions = conditionsOf(conf)
      if (conditions.length === 0) return undefined
      const guard = compileGuard(conf, conditions, env)
      return (request) => judge(request, guard)
    },
    log: (conf, { variables: names, node }): LogHandler | undefined => {
      const times = responseTimesOf(conf)
      if (!conf.sysguard || times === undefined) return undefined
      const status = names.use('$sysguard_status', node)
      return (request) => {
        // Those that were shed took no time: counting them would open the door for all at once.
        if (request.parent !== undefined || request.get(status) === rejected) return
        times.add(Math.max(Date.now() - request.startedAt, 0))
      }
    },
  },
})

const passed = 'PASSED'
const rejected = 'REJECTED'

function row(
  name: string,
  value: ValueType<readonly Condition[]>,
  doc: string,
): Row<readonly Condition[]> {
  return {
    contexts: everywhere,
    args: [1, Infinity],
    syntax: `${name} ${value.describe}`,
    value,
    default: [],
    merge: concat,
    doc,
  }
}

function conditionsOf(conf: HttpSysguardConf): readonly Condition[] {
  if (!conf.sysguard) return []
  const { sysguard_load, sysguard_cpu, sysguard_mem, sysguard_loop, sysguard_rt } = conf
  return [...sysguard_load, ...sysguard_cpu, ...sysguard_mem, ...sysguard_loop, ...sysguard_rt]
}

function compileGuard(
  conf: HttpSysguardConf,
  conditions: readonly Condition[],
  { variables: names, node }: LocationEnv,
): Guard {
  const times = responseTimesOf(conf)
  return {
    conditions,
    all: conf.sysguard_mode === 'and',
    watch: systemWatchOf(Math.max(conf.sysguard_interval, intervalMsMin)),
    responseMs: () => times?.averageMs ?? 0,
    level: conf.sysguard_log_level,
    status: names.use('$sysguard_status', node),
  }
}

/** One for each place where the directive stands: what is below shares it. */
const responseTimes = new WeakMap<readonly Condition[], ResponseTimes>()

function responseTimesOf({ sysguard_rt: conditions }: HttpSysguardConf): ResponseTimes | undefined {
  const average = conditions.at(-1)?.average
  if (average === undefined) return undefined
  return responseTimes.getOrInsertComputed(
    conditions,
    () => new ResponseTimes(average, monotonicMs),
  )
}

/** Once a request: where it is sent is open to it. */
function judge(request: Request, guard: Guard): number {
  if (request.get(guard.status) !== undefined) return outcomes.next
  const condition = findReached(guard)
  request.store(guard.status, condition === undefined ? passed : rejected)
  if (condition === undefined) return outcomes.next
  const words = condition.describe(guard.watch, guard.responseMs)
  request.logError(`shedding load, ${words}`, guard.level)
  return act(request, condition.action ?? usualStatus)
}

/** The first condition that holds, or of all the first that says what to do. */
function findReached({ conditions, all, watch, responseMs }: Guard): Condition | undefined {
  watch.touch()
  for (const condition of conditions) {
    const holds = condition.holds(watch, responseMs)
    if (holds && !all) return condition
    if (!holds && all) return undefined
  }
  if (!all) return undefined
  return conditions.find(({ action }) => action !== undefined) ?? conditions[0]
}

function act(request: Request, action: GuardAction): number {
  if (typeof action === 'number') return action
  return action.startsWith('@') ? request.redirectToNamed(action) : request.redirect(action, '')
}

/** What the watch of the usual interval says, in whole numbers. */
function watched(read: (watch: SystemWatch) => number, doc: string): RequestVariables[string] {
  return live(() => {
    const watch = systemWatchOf(intervalDefaultMs)
    watch.touch()
    const value = read(watch)
    return Number.isFinite(value) ? String(Math.round(value)) : undefined
  }, doc)
}
