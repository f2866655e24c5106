/**
 * Traffic as metrics of Prometheus, under the names that the modules for nginx give them.
 *
 * Histograms are there without being configured: where no buckets are asked for, there is a bound for every
 * doubling of the time.
 */
import { averageOf } from '../../modules/traffic/average.ts'
import { addRows, type Timing, type Traffic } from '../../modules/traffic/traffic.ts'
import { cacheStatuses } from '../../modules/traffic/traffic-row.ts'
import { Labels, labelsOf } from './labels.ts'
import { familiesOf, type Histogram, type Labelled, type Measuring, type Metric } from './metric.ts'
import type { TrafficDialect } from './traffic-dialect.ts'
import type { TrafficHead } from './traffic-json.ts'
import type { TrafficReport } from './traffic-report.ts'

type Zones = readonly Labelled<Traffic>[]

const statusNames = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const
const codes = labelsOf('code', [...statusNames, 'total'])
const directions = labelsOf('direction', ['in', 'out'])
const cacheLabels = labelsOf('status', cacheStatuses)

/** What was counted, without what stands at the head of a page. */
export function* trafficFamilies(
  report: TrafficReport,
  { now, sumKey }: Pick<TrafficHead, 'now' | 'sumKey'>,
  dialect: TrafficDialect,
): Measuring {
  const { metrics } = dialect
  const families = (kind: string, zones: Zones): Measuring =>
    familiesOf(zoneMetrics(`${metrics}_${kind}`, timingsOf(zones), now, dialect), zones)
  yield* families('server', servers(report, sumKey, dialect))
  if (dialect.subsystem === 'http') {
    const locations = report.locations.map((of) => {
      return { labels: new Labels({ host: of.group, location: of.name }), of }
    })
    yield* families('location', locations)
  }
  const filters = report.filters.map((of) => {
    return { labels: new Labels({ filter: of.group, filter_name: of.name }), of }
  })
  yield* families('filter', filters)
  yield* families('upstream', upstreams(report, dialect))
}

function servers(report: TrafficReport, sumKey: string, { subsystem }: TrafficDialect): Zones {
  const sum = { group: '', name: sumKey, ...addRows(report.servers, 1) }
  return [...report.servers, sum].map((of) => ({
    labels: new Labels(subsystem === 'http' ? { host: of.name } : { listen: of.name }),
    of,
  }))
}

function upstreams({ upstreams: groups }: TrafficReport, dialect: TrafficDialect): Zones {
  const nothing = addRows([], dialect.upstreamTimings)
  return [...groups].flatMap(([group, all]) =>
    all.map(({ address, traffic }) => ({
      labels: new Labels({ upstream: group === '' ? dialect.noGroup : group, backend: address }),
      of: traffic ?? { group, name: address, ...nothing },
    })),
  )
}

function timingsOf(zones: Zones): number {
  return zones.reduce((most, { of }) => Math.max(most, of.timings.length), 0)
}

/** What stands at the head of a page. */
export function headFamilies(
  { since, zone }: TrafficReport,
  head: TrafficHead,
  { metrics }: TrafficDialect,
): Measuring {
  const { host, version, connections } = head
  const { active, reading, writing, waiting, accepted, handled, requests } = connections
  const all: readonly Metric<undefined>[] = [
    {
      name: `${metrics}_info`,
      type: 'gauge',
      help: 'What this is.',
      measure: (samples) =>
        samples.add(1, new Labels({ hostname: host, module_version: version, version })),
    },
    {
      name: `${metrics}_start_time_seconds`,
      type: 'gauge',
      help: 'Since when traffic is counted, in seconds of the epoch.',
      measure: (samples) => samples.add(since / 1000),
    },
    {
      name: `${metrics}_main_connections`,
      type: 'gauge',
      help: 'Connections of HTTP, and what became of them.',
      measure: (samples) => {
        const states = { accepted, active, handled, reading, requests, waiting, writing }
        for (const [status, value] of Object.entries(states)) {
          samples.add(value, new Labels({ status }))
        }
      },
    },
    {
      name: `${metrics}_main_shm_usage_bytes`,
      type: 'gauge',
      help: 'Memory of the zone.',
      measure: (samples) => {
        samples.add(zone.bytes, new Labels({ shared: 'max_size' }))
        samples.add(zone.usedBytes, new Labels({ shared: 'used_size' }))
        samples.add(zone.usedKeys, new Labels({ shared: 'used_node' }))
      },
    },
  ]
  return familiesOf(all, [undefined])
}

/** Counters of one kind of zone. */
function zoneMetrics(
  prefix: string,
  timings: number,
  now: number,
  dialect: TrafficDialect,
): readonly Metric<Labelled<Traffic>>[] {
  const what = dialect.subsystem === 'http' ? 'requests' : 'connects'
  return [
    {
      name: `${prefix}_bytes_total`,
      type: 'counter',
      help: 'Bytes, by direction.',
      measure: (samples, { labels, of }) => {
        samples.add(of.bytesIn, labels, directions.in)
        samples.add(of.bytesOut, labels, directions.out)
      },
    },
    {
      name: `${prefix}_${what}_total`,
      type: 'counter',
      help: `Number of ${what}, by class of the status, and all.`,
      measure: (samples, { labels, of }) => {
        for (const [i, code] of statusNames.entries()) {
          samples.add(of.statuses[i] ?? 0, labels, codes[code])
        }
        samples.add(of.requests, labels, codes.total)
      },
    },
    ...Array.from({ length: timings }, (_, i) =>
      timingMetrics(`${prefix}_${timingWords[dialect.subsystem][i]}`, i, now),
    ).flat(),
    ...(dialect.hasCache && !prefix.endsWith('upstream') ? [cacheMetric(prefix)] : []),
  ]
}

/** Words of timings by place, without those of JSON. */
const timingWords: Readonly<Record<TrafficDialect['subsystem'], readonly string[]>> = {
  http: ['request', 'response'],
  stream: ['session', 'upstream_session', 'connect', 'firstbyte'],
}

function timingMetrics(
  name: string,
  place: number,
  now: number,
): readonly Metric<Labelled<Traffic>>[] {
  return [
    {
      name: `${name}_seconds_total`,
      type: 'counter',
      help: 'Sum of the times.',
      measure: (samples, { labels, of }) => samples.add(of.timings[place]!.sumMs / 1000, labels),
    },
    {
      name: `${name}_seconds`,
      type: 'gauge',
      help: 'Average of the last times.',
      measure: (samples, { labels, of }) =>
        samples.add(averageOf(of.timings[place]!.recent, of.style, now) / 1000, labels),
    },
    {
      name: `${name}_duration_seconds`,
      type: 'histogram',
      help: 'The times.',
      measure: (samples, { labels, of }) =>
        samples.addHistogram(durations(of.timings[place]!, of.style.bucketsMs), labels),
    },
  ]
}

function durations(
  { latencies, bucketCounts: counts }: Timing,
  bucketsMs: readonly number[],
): Histogram {
  if (bucketsMs.length === 0) return { latencies }
  return { latencies, asked: { bounds: bucketsMs.map((ms) => ms / 1000), counts } }
}

function cacheMetric(prefix: string): Metric<Labelled<Traffic>> {
  return {
    name: `${prefix}_cache_total`,
    type: 'counter',
    help: 'What the cache had to say.',
    measure: (samples, { labels, of }) => {
      for (const [i, status] of cacheStatuses.entries()) {
        samples.add(of.cache[i] ?? 0, labels, cacheLabels[status])
      }
    },
  }
}
