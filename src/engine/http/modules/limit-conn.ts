/** `limit_conn_zone`, `limit_conn`: how many requests a key may have under way at one time. */
import {
  bindLimitConn,
  type BoundLimitConn,
  checkLimitConn,
  type LimitConn,
  limitConn,
  type LimitConnZone,
  limitConnZone,
  type LimitConnZones,
  limitConnZonesOf,
  limitKeyBytesMax,
  type LimitLogLevel,
  limitLogLevel,
} from '../../modules/limit-conn.ts'
import { concat, countBetween, flag } from '../../modules/value-types.ts'
import { defineHttpModule, type HttpModule, outcomes } from '../module.ts'
import type { Request } from '../request.ts'

export interface HttpLimitConnConf {
  readonly limit_conn_zone: readonly LimitConnZone[]
  readonly limit_conn: readonly LimitConn[]
  readonly limit_conn_log_level: LimitLogLevel
  readonly limit_conn_status: number
  readonly limit_conn_dry_run: boolean
}

/** What the handler of a location works with. */
interface Limits {
  readonly conf: HttpLimitConnConf
  readonly limits: readonly BoundLimitConn[]
  readonly zones: LimitConnZones
  /** Slot of `$limit_conn_status`. */
  readonly status: number
}

const everywhere = ['http', 'http.server', 'http.location'] as const

export const httpLimitConn: HttpModule<HttpLimitConnConf> = defineHttpModule<HttpLimitConnConf>({
  id: 'http.limit_conn',
  directives: {
    limit_conn_zone: {
      contexts: ['http'],
      args: [2, 2],
      syntax: 'limit_conn_zone key zone=name:size',
      value: limitConnZone,
      default: [],
      merge: concat,
      doc: 'Sets a shared zone that counts the requests under way of each value of a key.',
    },
    limit_conn: {
      contexts: everywhere,
      args: [2, 2],
      syntax: 'limit_conn zone number',
      value: limitConn,
      default: [],
      merge: concat,
      doc: 'Sets how many requests a value of the zone’s key may have under way at one time.',
    },
    limit_conn_log_level: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'limit_conn_log_level info | notice | warn | error',
      value: limitLogLevel,
      default: 'error',
      doc: 'Sets the level at which refusals are logged.',
    },
    limit_conn_status: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'limit_conn_status code',
      value: countBetween(400, 599),
      default: 503,
      doc: 'Sets the status of refusals.',
    },
    limit_conn_dry_run: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'limit_conn_dry_run on | off',
      value: flag,
      default: false,
      doc: 'Counts and logs what would be refused, but refuses nothing.',
    },
  },
  variables: {
    limit_conn_status: { get: () => undefined, doc: 'What limit_conn made of the request.' },
  },
  check: (scope, session) =>
    checkLimitConn(scope, session, scope.conf(httpLimitConn).limit_conn_zone),
  idle: true,
  hooks: {
    preaccess: (conf, { services, session, variables, node }) => {
      const limits = bindLimitConn(conf.limit_conn, conf.limit_conn_zone)
      if (limits.length === 0) return undefined
      const zones = limitConnZonesOf(services.zoneMemory, 'http')
      if (!session.dryRun) {
        session.onPrepare(async () => limits.forEach(({ zone }) => zones.open(zone)))
      }
      const status = variables.use('$limit_conn_status', node)
      const all = { conf, limits, zones, status }
      return (request) => apply(request, all)
    },
  },
})

function apply(request: Request, { conf, limits, zones, status }: Limits): number {
  // Once a request: an internal redirect does not count it again.
  if (request.get(status) !== undefined) return outcomes.next
  for (const { zone, connections } of limits) {
    const key = zone.key.evaluate(request)
    if (key === '') continue
    if (Buffer.byteLength(key) > limitKeyBytesMax) {
      const name = zone.key.text
      request.logError(`the value of the "${name}" key is more than 255 bytes: "${key}"`)
      continue
    }
    request.store(status, 'PASSED')
    const lease = zones.enter(zone, key, connections)
    if (typeof lease === 'object') {
      request.main.atEnd(lease)
      continue
    }
    if (lease === 'full') {
      request.logError(`could not allocate node in limit_conn zone "${zone.name}"`, 'alert')
    } else {
      const dry = conf.limit_conn_dry_run ? ', dry run,' : ''
      const message = `limiting connections${dry} by zone "${zone.name}"`
      request.logError(message, conf.limit_conn_log_level)
    }
    request.store(status, conf.limit_conn_dry_run ? 'REJECTED_DRY_RUN' : 'REJECTED')
    return conf.limit_conn_dry_run ? outcomes.next : conf.limit_conn_status
  }
  return outcomes.next
}
