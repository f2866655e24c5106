/** `limit_conn_zone`, `limit_conn`: how many connections a key may have at one time. */
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
import { concat, flag } from '../../modules/value-types.ts'
import { defineStreamModule, type Outcome, type StreamModule } from '../module.ts'
import type { Session } from '../session.ts'

export interface StreamLimitConnConf {
  readonly limit_conn_zone: readonly LimitConnZone[]
  readonly limit_conn: readonly LimitConn[]
  readonly limit_conn_log_level: LimitLogLevel
  readonly limit_conn_dry_run: boolean
}

const everywhere = ['stream', 'stream.server'] as const

export const streamLimitConn: StreamModule<StreamLimitConnConf> =
  defineStreamModule<StreamLimitConnConf>({
    id: 'stream.limit_conn',
    directives: {
      limit_conn_zone: {
        contexts: ['stream'],
        args: [2, 2],
        syntax: 'limit_conn_zone key zone=name:size',
        value: limitConnZone,
        default: [],
        merge: concat,
        doc: 'Sets a shared zone that counts the connections of each value of a key.',
      },
      limit_conn: {
        contexts: everywhere,
        args: [2, 2],
        syntax: 'limit_conn zone number',
        value: limitConn,
        default: [],
        merge: concat,
        doc: 'Sets how many connections a value of the zone’s key may have at one time.',
      },
      limit_conn_log_level: {
        contexts: everywhere,
        args: [1, 1],
        syntax: 'limit_conn_log_level info | notice | warn | error',
        value: limitLogLevel,
        default: 'error',
        doc: 'Sets the level at which refused connections are logged.',
      },
      limit_conn_dry_run: {
        contexts: everywhere,
        args: [1, 1],
        syntax: 'limit_conn_dry_run on | off',
        value: flag,
        default: false,
        doc: 'Counts connections and logs what would be refused, but refuses none.',
      },
    },
    variables: {
      limit_conn_status: { get: (session: Session) => session.facts.limitConn, volatile: true },
    },
    check: (scope, session) =>
      checkLimitConn(scope, session, scope.conf(streamLimitConn).limit_conn_zone),
    hooks: {
      preaccess: (conf, { services }) => {
        const limits = bindLimitConn(conf.limit_conn, conf.limit_conn_zone)
        if (limits.length === 0) return undefined
        const zones = limitConnZonesOf(services.zoneMemory, 'stream')
        return (session) => applyLimits(session, conf, limits, zones)
      },
    },
  })

function applyLimits(
  session: Session,
  conf: StreamLimitConnConf,
  limits: readonly BoundLimitConn[],
  zones: LimitConnZones,
): Outcome {
  if (session.facts.limitConn !== undefined) return 'declined'
  for (const { zone, connections } of limits) {
    const key = zone.key.evaluate(session)
    if (key === '') continue
    if (Buffer.byteLength(key) > limitKeyBytesMax) {
      const text = `the value of the "${zone.key.text}" key is more than 255 bytes: "${key}"`
      session.log('error', text)
      continue
    }
    session.facts.limitConn = 'PASSED'
    const lease = zones.enter(zone, key, connections)
    if (typeof lease === 'object') {
      session.atEnd(() => lease.end())
      continue
    }
    if (conf.limit_conn_dry_run) {
      session.facts.limitConn = 'REJECTED_DRY_RUN'
      logRefusal(session, conf, `limiting connections, dry run, by zone "${zone.name}"`)
      return 'declined'
    }
    session.facts.limitConn = 'REJECTED'
    if (lease === 'limit') {
      logRefusal(session, conf, `limiting connections by zone "${zone.name}"`)
    } else session.log('alert', `no memory in limit_conn zone "${zone.name}"`)
    return 503
  }
  return 'declined'
}

function logRefusal(session: Session, conf: StreamLimitConnConf, message: string): void {
  session.log(conf.limit_conn_log_level, message)
}
