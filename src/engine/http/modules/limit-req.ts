/** `limit_req_zone`, `limit_req`: how many requests a second a key may make. */
import type { CompileSession } from '../../core/compile-session.ts'
import { monotonicMs } from '../../core/monotonic.ts'
import type { Scope } from '../../core/scope.ts'
import { type LimitLogLevel, limitLogLevel } from '../../modules/limit-conn.ts'
import type { ZoneMemory } from '../../core/zone-memory.ts'
import {
  type LimitReq,
  type LimitReqZone,
  LimitReqZones,
  type RateVerdict,
} from '../../modules/limit-req.ts'
import { limitReq, type LimitReqSetting, limitReqZone } from '../../modules/limit-req-directive.ts'
import { concat, countBetween, flag } from '../../modules/value-types.ts'
import { defineHttpModule, type HttpModule, outcomes } from '../module.ts'
import { delayRequest } from '../request-delay.ts'
import type { Request } from '../request.ts'

export interface HttpLimitReqConf {
  readonly limit_req_zone: readonly LimitReqZone[]
  readonly limit_req: readonly LimitReqSetting[]
  readonly limit_req_log_level: LimitLogLevel
  readonly limit_req_status: number
  readonly limit_req_dry_run: boolean
}

/** What the handler of a location works with. */
interface Limits {
  readonly conf: HttpLimitReqConf
  readonly limits: readonly LimitReq[]
  readonly zones: LimitReqZones
  /** Slot of `$limit_req_status`. */
  readonly status: number
}

const everywhere = ['http', 'http.server', 'http.location'] as const

export const httpLimitReq: HttpModule<HttpLimitReqConf> = defineHttpModule<HttpLimitReqConf>({
  id: 'http.limit_req',
  directives: {
    limit_req_zone: {
      contexts: ['http'],
      args: [3, 3],
      syntax: 'limit_req_zone key zone=name:size rate=rate',
      value: limitReqZone,
      default: [],
      merge: concat,
      doc: 'Sets a shared zone that keeps the rate of requests of each value of a key.',
    },
    limit_req: {
      contexts: everywhere,
      args: [1, 3],
      syntax: 'limit_req zone=name [burst=number] [nodelay | delay=number]',
      value: limitReq,
      default: [],
      merge: concat,
      doc: 'Holds requests to the rate of a zone: those too early wait, those beyond the burst are refused.',
    },
    limit_req_log_level: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'limit_req_log_level info | notice | warn | error',
      value: limitLogLevel,
      default: 'error',
      doc: 'Sets the level at which refusals are logged; waits are logged one level lower.',
    },
    limit_req_status: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'limit_req_status code',
      value: countBetween(400, 599),
      default: 503,
      doc: 'Sets the status of refusals.',
    },
    limit_req_dry_run: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'limit_req_dry_run on | off',
      value: flag,
      default: false,
      doc: 'Counts and logs what would wait or be refused, but lets all pass.',
    },
  },
  variables: {
    limit_req_status: { get: () => undefined, doc: 'What limit_req made of the request.' },
  },
  check: checkZones,
  idle: true,
  hooks: {
    preaccess: (conf, { services, session, variables, node }) => {
      const limits = bind(conf)
      if (limits.length === 0) return undefined
      const zones = zonesOf(services.zoneMemory)
      if (!session.dryRun) {
        session.onPrepare(async () => limits.forEach(({ zone }) => zones.open(zone)))
      }
      const status = variables.use('$limit_req_status', node)
      const all = { conf, limits, zones, status }
      return (request) => apply(request, all)
    },
  },
})

/** Limits with their zones; those of unknown zones were reported by the check. */
function bind(conf: HttpLimitReqConf): readonly LimitReq[] {
  return conf.limit_req.flatMap(({ zone: name, burst, delay }) => {
    const zone = conf.limit_req_zone.find((known) => known.name === name)
    return zone === undefined ? [] : [{ zone, burst, delay }]
  })
}

const openZones = new WeakMap<ZoneMemory, LimitReqZones>()

function zonesOf(memory: ZoneMemory): LimitReqZones {
  return openZones.getOrInsertComputed(memory, () => new LimitReqZones(memory, monotonicMs))
}

function apply(request: Request, { conf, limits, zones, status }: Limits): number {
  // Once a request: an internal redirect does not count it again.
  if (request.get(status) !== undefined) return outcomes.next
  const verdict = zones.judge(limits, request)
  if (verdict.kind === 'uncounted') return outcomes.next
  const dryRun = conf.limit_req_dry_run
  if (verdict.kind !== 'pass') log(request, verdict, conf)
  request.store(status, statusTexts[verdict.kind][dryRun ? 1 : 0])
  if (verdict.kind === 'pass' || dryRun) return outcomes.next
  if (verdict.kind !== 'delay') return conf.limit_req_status
  delayRequest(request, verdict.delayMs, goOn)
  return outcomes.done
}

function goOn(request: Request): void {
  request.resume(outcomes.next)
}

/** Without and with `limit_req_dry_run`. */
const statusTexts = {
  uncounted: [undefined, undefined],
  pass: ['PASSED', 'PASSED'],
  delay: ['DELAYED', 'DELAYED_DRY_RUN'],
  reject: ['REJECTED', 'REJECTED_DRY_RUN'],
  full: ['REJECTED', 'REJECTED_DRY_RUN'],
} as const

const oneLower = { error: 'warn', warn: 'notice', notice: 'info', info: 'info' } as const

function log(request: Request, { kind, zone, excess }: RateVerdict, conf: HttpLimitReqConf): void {
  const name = zone!.name
  const dry = conf.limit_req_dry_run ? ', dry run' : ''
  const ahead = (excess / 1000).toFixed(3)
  const level = conf.limit_req_log_level
  if (kind === 'full') {
    request.logError(`could not allocate node in limit_req zone "${name}"`, 'alert')
  } else if (kind === 'reject') {
    request.logError(`limiting requests${dry}, excess: ${ahead} by zone "${name}"`, level)
  } else {
    const message = `delaying request${dry}, excess: ${ahead}, by zone "${name}"`
    request.logError(message, oneLower[level])
  }
}

function checkZones(scope: Scope, session: CompileSession): void {
  const { limit_req_zone: zones } = scope.conf(httpLimitReq)
  const keys = new Map<string, string>()
  for (const node of scope.own('limit_req_zone')) {
    const [key = ''] = node.args
    const name = /^zone=([^:]*)/.exec(node.args.find((arg) => arg.startsWith('zone=')) ?? '')?.[1]
    const bound = keys.get(name ?? '')
    if (bound !== undefined) {
      session.fail(`limit_req_zone "${name}" is already bound to key "${bound}"`, node)
    }
    keys.set(name ?? '', key)
  }
  const used = new Set<string>()
  for (const node of scope.own('limit_req')) {
    const name = node.args.findLast((arg) => arg.startsWith('zone='))?.slice(5) ?? ''
    if (used.has(name)) session.fail('"limit_req" directive is duplicate', node)
    used.add(name)
    if (!zones.some((zone) => zone.name === name)) {
      session.fail(`zero size shared memory zone "${name}"`, node)
    }
  }
}
