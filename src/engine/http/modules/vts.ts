/**
 * `vhost_traffic_status*`: traffic counted by virtual server, location, keys of one's choosing and upstream
 * server, and limits of it. It is shown by `vhost_traffic_status_display`, in control.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { VariableDefinition, VariableHost } from '../../core/variables.ts'
import type { TrafficStyle } from '../../modules/traffic/traffic-row.ts'
import { accumulated } from '../../modules/traffic/accumulated.ts'
import { trafficRows } from '../../modules/traffic/traffic-directives.ts'
import { passedLimit } from '../../modules/traffic/traffic-limits.ts'
import { type DumpWish, trafficDumperOf } from '../../modules/traffic/traffic-dumper.ts'
import {
  type AverageMethod,
  dumpPlace,
  type DumpPlace,
  type FilterKey,
  filterKey,
  type FilterLimit,
  filterLimit,
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
import { concat } from '../../modules/value-types.ts'
import {
  defineHttpModule,
  type Handler,
  type HttpModule,
  type LocationEnv,
  type LogHandler,
  outcomes,
} from '../module.ts'
import type { Request } from '../request.ts'
import { timeRequests } from '../request-timing.ts'
import { LocationTraffic, serverTrafficName } from '../traffic.ts'
import { readFigure, type TrafficFigure, trafficFigure } from '../traffic-figures.ts'
import { trafficVariables } from '../traffic-variables.ts'

export interface HttpVtsConf {
  readonly vhost_traffic_status_zone: TrafficZoneConf | undefined
  readonly vhost_traffic_status_dump: DumpPlace | undefined
  readonly vhost_traffic_status: boolean
  readonly vhost_traffic_status_filter: boolean
  readonly vhost_traffic_status_filter_by_host: boolean
  readonly vhost_traffic_status_filter_check_duplicate: boolean
  readonly vhost_traffic_status_filter_by_set_key: readonly FilterKey[]
  readonly vhost_traffic_status_filter_max_node: FilterLimit | undefined
  readonly vhost_traffic_status_limit: boolean
  readonly vhost_traffic_status_limit_check_duplicate: boolean
  readonly vhost_traffic_status_limit_traffic: readonly TrafficLimit[]
  readonly vhost_traffic_status_limit_traffic_by_set_key: readonly TrafficLimit[]
  readonly vhost_traffic_status_set_by_filter: readonly TrafficFigure[]
  readonly vhost_traffic_status_average_method: AverageMethod
  readonly vhost_traffic_status_histogram_buckets: readonly number[]
  readonly vhost_traffic_status_bypass_limit: boolean
  readonly vhost_traffic_status_bypass_stats: boolean
}

export const usualHttpZone = 'vhost_traffic_status'

const everywhere = ['http', 'http.server', 'http.location'] as const
const rows = trafficRows(everywhere)

/** Timings of an upstream's record: of the request, and of the response. */
export const httpUpstreamTimings = 2

/** Shows the figure that the location asks for, as it is when it is first read. */
const figureReader: VariableDefinition<VariableHost> = Object.freeze({
  get: (host: VariableHost, name: string) => {
    const request = host as Request
    const { scope } = request.location
    const conf = scope.conf(httpVts)
    const zone = openZone(conf, request.connection.engine.services)
    const figures = accumulated(scope, httpVts, 'vhost_traffic_status_set_by_filter')
    const figure = figures.findLast((one) => one.variable === name)
    if (zone === undefined || figure === undefined) return '0'
    return readFigure(figure, {
      zone,
      host,
      filterLimit: conf.vhost_traffic_status_filter_max_node,
    })
  },
  changeable: true,
})

export const httpVts: HttpModule<HttpVtsConf> = defineHttpModule<HttpVtsConf>({
  id: 'http.vts',
  loadNames: ['http_vtsc_module'],
  directives: {
    vhost_traffic_status_zone: {
      contexts: ['http'],
      args: [0, 1],
      syntax: 'vhost_traffic_status_zone [shared:name:size]',
      value: trafficZone(usualHttpZone),
      default: undefined,
      doc: 'Counts traffic in memory that all workers share.',
    },
    vhost_traffic_status_dump: {
      contexts: ['http'],
      args: [1, 2],
      syntax: 'vhost_traffic_status_dump path [period]',
      value: dumpPlace,
      default: undefined,
      doc: 'Keeps what was counted in a file, from which the next start goes on; it is written every 60 seconds unless a period is given, and at the end.',
    },
    vhost_traffic_status: rows.switched(
      'vhost_traffic_status',
      true,
      'Counts traffic, where there is a zone.',
    ),
    vhost_traffic_status_filter: rows.switched(
      'vhost_traffic_status_filter',
      true,
      'Counts traffic by keys.',
    ),
    vhost_traffic_status_filter_by_host: rows.switched(
      'vhost_traffic_status_filter_by_host',
      false,
      'Counts traffic of servers by the names that clients ask for.',
    ),
    vhost_traffic_status_filter_check_duplicate: rows.switched(
      'vhost_traffic_status_filter_check_duplicate',
      true,
      'Counts once by a key that is given several times.',
    ),
    vhost_traffic_status_filter_by_set_key: rows.listed(
      'vhost_traffic_status_filter_by_set_key key [name]',
      [1, 2],
      filterKey,
      'Adds a key to count traffic by.',
    ),
    vhost_traffic_status_filter_max_node: {
      contexts: ['http'],
      args: [1, Infinity],
      syntax: 'vhost_traffic_status_filter_max_node number [string ...]',
      value: filterLimit,
      default: undefined,
      doc: 'Limits the number of keys in groups whose names begin so; the oldest make room. 0 is no limit.',
    },
    vhost_traffic_status_limit: rows.switched(
      'vhost_traffic_status_limit',
      true,
      'Limits traffic where limits are set.',
    ),
    vhost_traffic_status_limit_check_duplicate: rows.switched(
      'vhost_traffic_status_limit_check_duplicate',
      true,
      'Goes by the last of several limits of one thing.',
    ),
    vhost_traffic_status_limit_traffic: rows.listed(
      'vhost_traffic_status_limit_traffic member:size [code]',
      [1, 2],
      limitTraffic('request'),
      'Limits the traffic of the server.',
    ),
    vhost_traffic_status_limit_traffic_by_set_key: rows.listed(
      'vhost_traffic_status_limit_traffic_by_set_key key member:size [code]',
      [2, 3],
      limitTrafficByKey('request'),
      'Limits the traffic of a key: NO@server, FG@group@name, UG@group@address or UA@address.',
    ),
    vhost_traffic_status_set_by_filter: {
      contexts: [...everywhere, 'http.location.if'],
      args: [2, 2],
      syntax: 'vhost_traffic_status_set_by_filter $variable group/zone/name',
      value: trafficFigure(figureReader),
      default: [],
      merge: concat,
      doc: 'Sets a variable to what was counted.',
    },
    vhost_traffic_status_average_method: rows.averageMethod('vhost_traffic_status_average_method'),
    vhost_traffic_status_histogram_buckets: rows.histogramBuckets(
      'vhost_traffic_status_histogram_buckets',
    ),
    vhost_traffic_status_bypass_limit: rows.switched(
      'vhost_traffic_status_bypass_limit',
      false,
      'Lets requests pass whatever the limits are.',
    ),
    vhost_traffic_status_bypass_stats: rows.switched(
      'vhost_traffic_status_bypass_stats',
      false,
      'Does not count requests.',
    ),
  },
  variables: trafficVariables(zoneOf),
  idle: true,
  onServing: (conf, services) => trafficDumperOf(services).follow(dumpOf(conf)),
  hooks: {
    preaccess: limiter,
    log: counter,
  },
})

type Services = Pick<LocationEnv['services'], 'zoneMemory'>

/** Memory is taken when something is counted: a configuration that is only tested needs none. */
function openZone(conf: HttpVtsConf, { zoneMemory }: Services): TrafficZone | undefined {
  const zone = conf.vhost_traffic_status_zone
  if (zone === undefined) return undefined
  return trafficZoneOf(zoneMemory, zone, httpUpstreamTimings)
}

function zoneOf({ location, connection }: Request): TrafficZone | undefined {
  return openZone(location.scope.conf(httpVts), connection.engine.services)
}

function dumpOf(conf: HttpVtsConf): DumpWish | undefined {
  const { vhost_traffic_status_zone: zone, vhost_traffic_status_dump: place } = conf
  if (zone === undefined || place === undefined) return undefined
  const { vhost_traffic_status_filter_max_node: filterKeys } = conf
  return { ...place, zone, filterLimit: filterKeys, upstreamTimings: httpUpstreamTimings }
}

function counter(conf: HttpVtsConf, env: LocationEnv): LogHandler | undefined {
  if (!conf.vhost_traffic_status || conf.vhost_traffic_status_bypass_stats) return undefined
  const zone = openZone(conf, env.services)
  if (zone === undefined) return undefined
  timeRequests()
  const rules = {
    location: env.pattern,
    byHost: conf.vhost_traffic_status_filter && conf.vhost_traffic_status_filter_by_host,
    filters: conf.vhost_traffic_status_filter ? filtersOf(conf, env) : [],
    filterLimit: conf.vhost_traffic_status_filter_max_node,
    style: styleOf(conf),
  }
  let traffic: LocationTraffic | undefined
  let fails = false
  return (request) => {
    // What is a part of another request is counted with that.
    if (fails || request.parent !== undefined) return
    try {
      traffic ??= new LocationTraffic(zone, { ...rules, server: serverTrafficName(request.server) })
      traffic.count(request)
    } catch (error) {
      if (!(error instanceof ConfError)) throw error
      fails = true
      request.logError(`traffic is not counted here: ${error.message}`, 'alert')
    }
  }
}

function filtersOf(conf: HttpVtsConf, { scope }: LocationEnv): readonly FilterKey[] {
  const all = accumulated(scope, httpVts, 'vhost_traffic_status_filter_by_set_key')
  return withoutRepeats(all, conf.vhost_traffic_status_filter_check_duplicate)
}

function styleOf(conf: HttpVtsConf): TrafficStyle {
  return {
    ...conf.vhost_traffic_status_average_method,
    bucketsMs: conf.vhost_traffic_status_histogram_buckets,
  }
}

function limiter(conf: HttpVtsConf, { services, scope }: LocationEnv): Handler | undefined {
  if (!conf.vhost_traffic_status_limit || conf.vhost_traffic_status_bypass_limit) return undefined
  const once = conf.vhost_traffic_status_limit_check_duplicate
  const limits = [
    ...limitsOnce(accumulated(scope, httpVts, 'vhost_traffic_status_limit_traffic'), once),
    ...limitsOnce(
      accumulated(scope, httpVts, 'vhost_traffic_status_limit_traffic_by_set_key'),
      once,
    ),
  ]
  const zone = limits.length === 0 ? undefined : openZone(conf, services)
  if (zone === undefined) return undefined
  const { vhost_traffic_status_filter_by_host: byHost } = conf
  const { vhost_traffic_status_filter_max_node: filterKeys } = conf
  return (request) => {
    const server = byHost && request.host !== '' ? request.host : serverTrafficName(request.server)
    const passed = passedLimit(limits, { zone, host: request, server, filterLimit: filterKeys })
    if (passed === undefined) return outcomes.next
    request.logError(`traffic of "${passed.key?.text ?? server}" is over its limit`)
    return passed.status
  }
}
