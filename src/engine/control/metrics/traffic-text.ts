/**
 * Traffic as metrics of Prometheus, under the names that the modules for nginx give them.
 *
 * Histograms are there without being configured: where no buckets are asked for, there is a bound for every
 * doubling of the time.
 */
import type { Timing, Traffic } from '../../modules/traffic/traffic.ts'
import { addRows } from '../../modules/traffic/traffic.ts'
import { cacheStatuses } from '../../modules/traffic/traffic-row.ts'
import { countLatencies } from '../../core/latency-histogram.ts'
import { averageOf } from '../../modules/traffic/average.ts'
import { Family, type Labels } from './exposition.ts'
import type { TrafficDialect } from './traffic-dialect.ts'
import type { TrafficHead } from './traffic-json.ts'
import type { TrafficReport } from './traffic-report.ts'

interface Labelled {
  readonly labels: Labels
  readonly traffic: Traffic
}

const statusNames = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const

export function trafficText(
  report: TrafficReport,
  head: TrafficHead,
  dialect: TrafficDialect,
): string {
  return [
    ...mainFamilies(report, head, dialect.metrics),
    ...trafficFamilies(report, head, dialect),
  ].join('')
}

/** What was counted, without what stands at the head of a page. */
export function trafficFamilies(
  report: TrafficReport,
  head: TrafficHead,
  dialect: TrafficDialect,
): readonly Family[] {
  const { metrics } = dialect
  const sum = { group: '', name: head.sumKey, ...addRows(report.servers, 1) }
  const isHttp = dialect.subsystem === 'http'
  const servers = [...report.servers, sum].map((traffic) => ({
    labels: isHttp ? { host: traffic.name } : { listen: traffic.name },
    traffic,
  }))
  const filters = report.filters.map((traffic) => {
    return { labels: { filter: traffic.group, filter_name: traffic.name }, traffic }
  })
  const locations = report.locations.map((traffic) => {
    return { labels: { host: traffic.group, location: traffic.name }, traffic }
  })
  return [
    ...zoneFamilies(`${metrics}_server`, servers, head, dialect),
    ...(isHttp ? zoneFamilies(`${metrics}_location`, locations, head, dialect) : []),
    ...zoneFamilies(`${metrics}_filter`, filters, head, dialect),
    ...zoneFamilies(`${metrics}_upstream`, upstreams(report, dialect), head, dialect),
  ]
}

function upstreams({ upstreams: groups }: TrafficReport, dialect: TrafficDialect): Labelled[] {
  return [...groups].flatMap(([group, servers]) =>
    servers.map(({ address, traffic }) => ({
      labels: { upstream: group === '' ? dialect.noGroup : group, backend: address },
      traffic: traffic ?? { group, name: address, ...addRows([], dialect.upstreamTimings) },
    })),
  )
}

function mainFamilies(
  { since, zone }: TrafficReport,
  { host, version, connections }: TrafficHead,
  metrics: string,
): readonly Family[] {
  const { active, reading, writing, waiting, accepted, handled, requests } = connections
  const states = { accepted, active, handled, reading, requests, waiting, writing }
  const connected = new Family(
    `${metrics}_main_connections`,
    'gauge',
    'Connections of HTTP, and what became of them.',
  )
  for (const [status, value] of Object.entries(states)) connected.add({ status }, value)
  return [
    new Family(`${metrics}_info`, 'gauge', 'What this is.').add(
      { hostname: host, module_version: version, version },
      1,
    ),
    new Family(
      `${metrics}_start_time_seconds`,
      'gauge',
      'Since when traffic is counted, in seconds of the epoch.',
    ).add({}, since / 1000),
    connected,
    new Family(`${metrics}_main_shm_usage_bytes`, 'gauge', 'Memory of the zone.')
      .add({ shared: 'max_size' }, zone.bytes)
      .add({ shared: 'used_size' }, zone.usedBytes)
      .add({ shared: 'used_node' }, zone.usedKeys),
  ]
}

/** Counters of one kind of zone. */
function zoneFamilies(
  prefix: string,
  zones: readonly Labelled[],
  head: TrafficHead,
  dialect: TrafficDialect,
): readonly Family[] {
  const what = dialect.subsystem === 'http' ? 'requests' : 'connects'
  const bytes = new Family(`${prefix}_bytes_total`, 'counter', 'Bytes, by direction.')
  const counted = new Family(
    `${prefix}_${what}_total`,
    'counter',
    `Number of ${what}, by class of the status, and all.`,
  )
  for (const { labels, traffic } of zones) {
    bytes.add({ ...labels, direction: 'in' }, traffic.bytesIn)
    bytes.add({ ...labels, direction: 'out' }, traffic.bytesOut)
    for (const [i, code] of statusNames.entries()) {
      counted.add({ ...labels, code }, traffic.statuses[i] ?? 0)
    }
    counted.add({ ...labels, code: 'total' }, traffic.requests)
  }
  const timings = Math.max(0, ...zones.map(({ traffic }) => traffic.timings.length))
  return [
    bytes,
    counted,
    ...Array.from({ length: timings }, (_, i) =>
      timingFamilies({ prefix, place: i }, zones, head, dialect),
    ).flat(),
    ...(dialect.hasCache && !prefix.endsWith('upstream') ? [cacheFamily(prefix, zones)] : []),
  ]
}

/** Words of timings by place, without those of JSON. */
const timingWords: Readonly<Record<TrafficDialect['subsystem'], readonly string[]>> = {
  http: ['request', 'response'],
  stream: ['session', 'upstream_session', 'connect', 'firstbyte'],
}

function timingFamilies(
  { prefix, place }: { readonly prefix: string; readonly place: number },
  zones: readonly Labelled[],
  { now }: TrafficHead,
  { subsystem }: TrafficDialect,
): readonly Family[] {
  const name = `${prefix}_${timingWords[subsystem][place]}`
  const total = new Family(`${name}_seconds_total`, 'counter', 'Sum of the times.')
  const average = new Family(`${name}_seconds`, 'gauge', 'Average of the last times.')
  const durations = new Family(`${name}_duration_seconds`, 'histogram', 'The times.')
  for (const { labels, traffic } of zones) {
    const timing = traffic.timings[place]!
    total.add(labels, timing.sumMs / 1000)
    average.add(labels, averageOf(timing.recent, traffic.style, now) / 1000)
    addDurations(durations, labels, timing, traffic.style.bucketsMs)
  }
  return [total, average, durations]
}

function addDurations(
  family: Family,
  labels: Labels,
  { latencies, sumMs, bucketCounts }: Timing,
  bucketsMs: readonly number[],
): void {
  if (bucketsMs.length === 0) {
    family.addLatencies(labels, latencies)
    return
  }
  const buckets = bucketsMs.map((ms, i) => [ms / 1000, bucketCounts[i] ?? 0] as const)
  family.addHistogram(labels, { buckets, count: countLatencies(latencies), sum: sumMs / 1000 })
}

function cacheFamily(prefix: string, zones: readonly Labelled[]): Family {
  const family = new Family(`${prefix}_cache_total`, 'counter', 'What the cache had to say.')
  for (const { labels, traffic } of zones) {
    for (const [i, status] of cacheStatuses.entries()) {
      family.add({ ...labels, status }, traffic.cache[i] ?? 0)
    }
  }
  return family
}
