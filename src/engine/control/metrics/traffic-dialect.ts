/** What the documents of traffic of the two subsystems differ in: words, and what is timed. */
import { httpUpstreamTimings, usualHttpZone } from '../../http/modules/vts.ts'
import { streamUpstreamTimings, usualStreamZone } from '../../stream/modules/traffic-status.ts'
import type { UpstreamTimings } from '../../modules/traffic/traffic-zone.ts'
import type { SubsystemName } from '../server-index.ts'

export interface TrafficDialect {
  readonly subsystem: SubsystemName
  /** Directive that declares the zone, and its usual name. */
  readonly zoneDirective: string
  readonly usualZone: string
  readonly filterLimitDirective: string | undefined
  readonly upstreamTimings: UpstreamTimings
  readonly servers: string
  readonly filters: string
  readonly upstreams: string
  /** How what is counted is called. */
  readonly counter: string
  /** By place among the timings. */
  readonly timings: readonly string[]
  readonly hasCache: boolean
  /** Before the names of metrics. */
  readonly metrics: string
  /** Group of upstream servers that stand in no group. */
  readonly noGroup: string
  readonly callback: string
}

export const httpDialect: TrafficDialect = {
  subsystem: 'http',
  zoneDirective: 'vhost_traffic_status_zone',
  usualZone: usualHttpZone,
  filterLimitDirective: 'vhost_traffic_status_filter_max_node',
  upstreamTimings: httpUpstreamTimings,
  servers: 'serverZones',
  filters: 'filterZones',
  upstreams: 'upstreamZones',
  counter: 'requestCounter',
  timings: ['request', 'response'],
  hasCache: true,
  metrics: 'nginx_vts',
  noGroup: '::nogroups',
  callback: 'njt_http_vhost_traffic_status_jsonp_callback',
}

export const streamDialect: TrafficDialect = {
  subsystem: 'stream',
  zoneDirective: 'server_traffic_status_zone',
  usualZone: usualStreamZone,
  filterLimitDirective: undefined,
  upstreamTimings: streamUpstreamTimings,
  servers: 'streamServerZones',
  filters: 'streamFilterZones',
  upstreams: 'streamUpstreamZones',
  counter: 'connectCounter',
  timings: ['session', 'uSession', 'uConnect', 'uFirstByte'],
  hasCache: false,
  metrics: 'nginx_sts',
  noGroup: '::nogroups',
  callback: 'njt_http_stream_server_traffic_status_jsonp_callback',
}
