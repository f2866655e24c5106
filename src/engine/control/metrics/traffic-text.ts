/**
 * Traffic as metrics of Prometheus, under the names that the modules for nginx give them.
 *
 * Histograms are there without being configured: where no buckets are asked for, there is a bound for every
 * doubling of the time.
 */
import { countLatencies } from '../../core/latency-histogram.ts'
import { averageOf } from '../../modules/traffic/average.ts'
import { addRows, type Timing, type Traffic } from '../../modules/traffic/traffic.ts'
import { cacheStatuses } from '../../modules/traffic/traffic-row.ts'
import { exposition, type Labelled, labelText, type Metric, type Samples } from './exposition.ts'
import type { TrafficDialect } from './traffic-dialect.ts'
import type { TrafficHead } from './traffic-json.ts'
import type { TrafficReport } from './traffic-report.ts'

type Zones = readonly Labelled<Traffic>[]

const statusNames = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const

/** What was counted, without what stands at the head of a page. */
export function* trafficText(
  report: TrafficReport,
  { now, sumKey }: Pick<TrafficHead, 'now' | 'sumKey'>,
  dialect: TrafficDialect,
): Generator<string, void, undefined> {
  const { metrics } = dialect
  const text = (kind: string, zones: Zones): Generator<string, void, undefined> =>
    exposition(zoneMetrics(`${metrics}_${kind}`, timingsOf(zones), now, dialect), zones)
  yield* text('server', servers(report, sumKey, dialect))
  if (dialect.subsystem === 'http') {
    const locations = report.locations.map((of) => {
      return { labels: labelText({ host: of.group, location: of.name }), of }
    })
    yield* text('location', locations)
  }
  const filters = report.filters.map((of) => {
    return { labels: labelText({ filter: of.group, filter_name: of.name }), of }
  })
  yield* text('filter', filters)
  yield* text('upstream', upstreams(report, dialect))
}

function servers(report: TrafficReport, sumKey: string, { subsystem }: TrafficDialect): Zones {
  const sum = { group: '', name: sumKey, ...addRows(report.servers, 1) }
  return [...report.servers, sum].map((of) => ({
    labels: labelText(subsystem === 'http' ? { host: of.name } : { listen: of.name }),
    of,
  }))
}

function upstreams({ upstreams: groups }: TrafficReport, dialect: TrafficDialect): Zones {
  const nothing = addRows([], dialect.upstreamTimings)
  return [...groups].flatMap(([group, all]) =>
    all.map(({ address, traffic }) => ({
      labels: labelText({ upstream: group === '' ? dialect.noGroup : group, backend: address }),
      of: traffic ?? { group, name: address, ...nothing },
    })),
  )
}

function timingsOf(zones: Zones): number {
  return zones.reduce((most, { of }) => Math.max(most, of.timings.length), 0)
}

/** What stands at the head of a page. */
export function headText(
  { since, zone }: TrafficReport,
  head: TrafficHead,
  { metrics }: TrafficDialect,
): Generator<string, void, undefined> {
  const { host, version, connections } = head
  const { active, reading, writing, waiting, accepted, handled, requests } = connections
  const all: readonly Metric<undefined>[] = [
    {
      name: `${metrics}_info`,
      type: 'gauge',
      help: 'What this is.',
      measure: (samples) =>
        samples.add(labelText({ hostname: host, module_version: version, version }), 1),
    },
    {
      name: `${metrics}_start_time_seconds`,
      type: 'gauge',
      help: 'Since when traffic is counted, in seconds of the epoch.',
      measure: (samples) => samples.add('', since / 1000),
    },
    {
      name: `${metrics}_main_connections`,
      type: 'gauge',
      help: 'Connections of HTTP, and what became of them.',
      measure: (samples) => {
        const states = { accepted, active, handled, reading, requests, waiting, writing }
        for (const [status, value] of Object.entries(states)) {
          samples.add(`status="${status}"`, value)
        }
      },
    },
    {
      name: `${metrics}_main_shm_usage_bytes`,
      type: 'gauge',
      help: 'Memory of the zone.',
      measure: (samples) => {
        samples.add('shared="max_size"', zone.bytes)
        samples.add('shared="used_size"', zone.usedBytes)
        samples.add('shared="used_node"', zone.usedKeys)
      },
    },
  ]
  return exposition(all, [undefined])
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
        samples.add(`${labels},direction="in"`, of.bytesIn)
        samples.add(`${labels},direction="out"`, of.bytesOut)
      },
    },
    {
      name: `${prefix}_${what}_total`,
      type: 'counter',
      help: `Number of ${what}, by class of the status, and all.`,
      measure: (samples, { labels, of }) => {
        for (const [i, code] of statusNames.entries()) {
          samples.add(`${labels},code="${code}"`, of.statuses[i] ?? 0)
        }
        samples.add(`${labels},code="total"`, of.requests)
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
      measure: (samples, { labels, of }) => samples.add(labels, of.timings[place]!.sumMs / 1000),
    },
    {
      name: `${name}_seconds`,
      type: 'gauge',
      help: 'Average of the last times.',
      measure: (samples, { labels, of }) =>
        samples.add(labels, averageOf(of.timings[place]!.recent, of.style, now) / 1000),
    },
    {
      name: `${name}_duration_seconds`,
      type: 'histogram',
      help: 'The times.',
      measure: (samples, { labels, of }) =>
        addDurations(samples, labels, of.timings[place]!, of.style.bucketsMs),
    },
  ]
}

function addDurations(
  samples: Samples,
  labels: string,
  { latencies, sumMs, bucketCounts: counts }: Timing,
  bucketsMs: readonly number[],
): void {
  if (bucketsMs.length === 0) samples.addLatencies(labels, latencies)
  else {
    const bounds = bucketsMs.map((ms) => ms / 1000)
    const count = countLatencies(latencies)
    samples.addHistogram(labels, { bounds, counts, count, sum: sumMs / 1000 })
  }
}

function cacheMetric(prefix: string): Metric<Labelled<Traffic>> {
  return {
    name: `${prefix}_cache_total`,
    type: 'counter',
    help: 'What the cache had to say.',
    measure: (samples, { labels, of }) => {
      for (const [i, status] of cacheStatuses.entries()) {
        samples.add(`${labels},status="${status}"`, of.cache[i] ?? 0)
      }
    },
  }
}
