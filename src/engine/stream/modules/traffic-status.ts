/**
 * `server_traffic_status*`: sessions counted by address, keys of one's choosing and upstream server, and
 * limits of them. It is shown by `stream_server_traffic_status_display`, in control.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { accumulated } from '../../modules/traffic/accumulated.ts'
import { averageOf } from '../../modules/traffic/average.ts'
import type { Traffic } from '../../modules/traffic/traffic.ts'
import { trafficRows } from '../../modules/traffic/traffic-directives.ts'
import { passedLimit } from '../../modules/traffic/traffic-limits.ts'
import {
  type AverageMethod,
  type FilterKey,
  filterKey,
  limitsOnce,
  limitTraffic,
  limitTrafficByKey,
  type TrafficLimit,
  withoutRepeats,
} from '../../modules/traffic/traffic-values.ts'
import {
  type TrafficZone,
  type TrafficZoneConf,
  trafficZone,
  trafficZoneOf,
} from '../../modules/traffic/traffic-zone.ts'
import {
  defineStreamModule,
  type LogHandler,
  type PhaseHandler,
  type ServerEnv,
  type SessionVariables,
  type Status,
  type StreamModule,
} from '../module.ts'
import type { StreamServices } from '../services.ts'
import type { Session } from '../session.ts'
import { ServerTraffic, trafficName } from '../traffic.ts'

export interface StreamTrafficConf {
  readonly server_traffic_status_zone: TrafficZoneConf | undefined
  readonly server_traffic_status: boolean
  readonly server_traffic_status_filter: boolean
  readonly server_traffic_status_filter_check_duplicate: boolean
  readonly server_traffic_status_filter_by_set_key: readonly FilterKey[]
  readonly server_traffic_status_limit: boolean
  readonly server_traffic_status_limit_check_duplicate: boolean
  readonly server_traffic_status_limit_traffic: readonly TrafficLimit[]
  readonly server_traffic_status_limit_traffic_by_set_key: readonly TrafficLimit[]
  readonly server_traffic_status_average_method: AverageMethod
  readonly server_traffic_status_histogram_buckets: readonly number[]
}

export const usualStreamZone = 'stream_server_traffic_status'

/** Timings of an upstream's record: session, the upstream's part of it, connecting, first byte. */
export const streamUpstreamTimings = 4

const rows = trafficRows(['stream', 'stream.server'])

const figures: Readonly<Record<string, (traffic: Traffic) => number>> = {
  connect_counter: ({ requests }) => requests,
  in_bytes: ({ bytesIn }) => bytesIn,
  out_bytes: ({ bytesOut }) => bytesOut,
  '1xx_counter': ({ statuses }) => statuses[0]!,
  '2xx_counter': ({ statuses }) => statuses[1]!,
  '3xx_counter': ({ statuses }) => statuses[2]!,
  '4xx_counter': ({ statuses }) => statuses[3]!,
  '5xx_counter': ({ statuses }) => statuses[4]!,
  session_time: ({ timings, style }) => averageOf(timings[0]!.recent, style, Date.now()),
}

export const streamTrafficStatus: StreamModule<StreamTrafficConf> =
  defineStreamModule<StreamTrafficConf>({
    id: 'stream.traffic_status',
    loadNames: ['stream_server_traffic_status_module', 'stream_stsc_module'],
    directives: {
      server_traffic_status_zone: {
        contexts: ['stream'],
        args: [0, 1],
        syntax: 'server_traffic_status_zone [shared:name:size]',
        value: trafficZone(usualStreamZone),
        default: undefined,
        doc: 'Counts sessions in memory that all workers share.',
      },
      server_traffic_status: rows.switched(
        'server_traffic_status',
        true,
        'Counts sessions, where there is a zone.',
      ),
      server_traffic_status_filter: rows.switched(
        'server_traffic_status_filter',
        true,
        'Counts sessions by keys.',
      ),
      server_traffic_status_filter_check_duplicate: rows.switched(
        'server_traffic_status_filter_check_duplicate',
        true,
        'Counts once by a key that is given several times.',
      ),
      server_traffic_status_filter_by_set_key: rows.listed(
        'server_traffic_status_filter_by_set_key key [name]',
        [1, 2],
        filterKey,
        'Adds a key to count sessions by.',
      ),
      server_traffic_status_limit: rows.switched(
        'server_traffic_status_limit',
        true,
        'Limits traffic where limits are set.',
      ),
      server_traffic_status_limit_check_duplicate: rows.switched(
        'server_traffic_status_limit_check_duplicate',
        true,
        'Goes by the last of several limits of one thing.',
      ),
      server_traffic_status_limit_traffic: rows.listed(
        'server_traffic_status_limit_traffic member:size [code]',
        [1, 2],
        limitTraffic('connect'),
        'Limits the traffic of the server.',
      ),
      server_traffic_status_limit_traffic_by_set_key: rows.listed(
        'server_traffic_status_limit_traffic_by_set_key key member:size [code]',
        [2, 3],
        limitTrafficByKey('connect'),
        'Limits the traffic of a key: NO@server, FG@group@name, UG@group@address or UA@address.',
      ),
      server_traffic_status_average_method: rows.averageMethod(
        'server_traffic_status_average_method',
      ),
      server_traffic_status_histogram_buckets: rows.histogramBuckets(
        'server_traffic_status_histogram_buckets',
      ),
    },
    variables: variables(),
    hooks: { preaccess: limiter, log: counter },
  })

function variables(): SessionVariables {
  return Object.fromEntries(
    Object.entries(figures).map(([name, read]) => {
      const get = (session: Session): string | undefined => {
        const conf = session.server.scope.conf(streamTrafficStatus)
        const zone = openZone(conf, session.services)
        const traffic = zone?.servers.find('', nameOf(session))
        return traffic && String(read(traffic))
      }
      return [`sts_${name}`, { get, volatile: true }]
    }),
  )
}

function nameOf({ port, server }: Session): string {
  return trafficName(port, server.names[0]?.text ?? '')
}

/** Memory is taken when something is counted: a configuration that is only tested needs none. */
function openZone(
  conf: StreamTrafficConf,
  { zoneMemory }: Pick<StreamServices, 'zoneMemory'>,
): TrafficZone | undefined {
  const zone = conf.server_traffic_status_zone
  if (zone === undefined) return undefined
  return trafficZoneOf(zoneMemory, zone, streamUpstreamTimings)
}

function counter(conf: StreamTrafficConf, env: ServerEnv): LogHandler | undefined {
  const zone = conf.server_traffic_status ? openZone(conf, env.services) : undefined
  if (zone === undefined) return undefined
  const all = accumulated(env.scope, streamTrafficStatus, 'server_traffic_status_filter_by_set_key')
  const traffic = new ServerTraffic(zone, {
    filters: conf.server_traffic_status_filter
      ? withoutRepeats(all, conf.server_traffic_status_filter_check_duplicate)
      : [],
    style: {
      ...conf.server_traffic_status_average_method,
      bucketsMs: conf.server_traffic_status_histogram_buckets,
    },
  })
  let fails = false
  return (session) => {
    if (fails) return
    try {
      traffic.count(session)
    } catch (error) {
      if (!(error instanceof ConfError)) throw error
      fails = true
      session.log('alert', `traffic is not counted here: ${error.message}`)
    }
  }
}

function limiter(
  conf: StreamTrafficConf,
  { scope, services }: ServerEnv,
): PhaseHandler | undefined {
  if (!conf.server_traffic_status_limit) return undefined
  const once = conf.server_traffic_status_limit_check_duplicate
  const limits = [
    ...limitsOnce(
      accumulated(scope, streamTrafficStatus, 'server_traffic_status_limit_traffic'),
      once,
    ),
    ...limitsOnce(
      accumulated(scope, streamTrafficStatus, 'server_traffic_status_limit_traffic_by_set_key'),
      once,
    ),
  ]
  const zone = limits.length === 0 ? undefined : openZone(conf, services)
  if (zone === undefined) return undefined
  return (session) => {
    const server = nameOf(session)
    const passed = passedLimit(limits, { zone, host: session, server, filterLimit: undefined })
    if (passed === undefined) return 'declined'
    session.log('error', `traffic of "${passed.key?.text ?? server}" is over its limit`)
    return passed.status as Status
  }
}
