/**
 * Traffic as the JSON document of the modules for nginx (vts, sts), which dashboards and collectors read.
 *
 * ```text
 *   hostName moduleVersion nginxVersion loadMsec nowMsec connections sharedZones
 *   serverZones   { name: zone, …, "*": sum }
 *   filterZones   { group: { key: zone } }
 *   upstreamZones { group: [ server ] }          servers without a group under "::nogroups"
 * ```
 *
 * Counts are numbers of 53 bits that nothing runs over, so that all `overCounts` are 0. There are two things
 * more than there: `quantiles` of times, and `locationZones` by server.
 */
import { latencyQuantile } from '../../core/latency-histogram.ts'
import type { ConnectionTotals } from '../../http/connection-counts.ts'
import { averageOf } from '../../modules/traffic/average.ts'
import { addRows, type Timing, type Traffic } from '../../modules/traffic/traffic.ts'
import { cacheStatuses, type TrafficStyle } from '../../modules/traffic/traffic-row.ts'
import { objectParts, type Part } from '../piecewise-response.ts'
import type { TrafficDialect } from './traffic-dialect.ts'
import type { TrafficReport, UpstreamTraffic } from './traffic-report.ts'

/** What stands above the zones. */
export interface TrafficHead {
  readonly host: string
  readonly version: string
  readonly now: number
  readonly connections: ConnectionTotals
  /** The sum of all servers is listed under this name. */
  readonly sumKey: string
}

type Json = Record<string, unknown>

export function mainJson({ host, version, now, connections }: TrafficHead, since: number): Json {
  const { active, reading, writing, waiting, accepted, handled, requests } = connections
  return {
    hostName: host,
    moduleVersion: version,
    nginxVersion: version,
    loadMsec: since,
    nowMsec: now,
    connections: { active, reading, writing, waiting, accepted, handled, requests },
  }
}

/** The whole document. */
export function trafficParts(
  report: TrafficReport,
  head: TrafficHead,
  dialect: TrafficDialect,
): Iterable<Part> {
  const { zone } = report
  const main = Object.entries(mainJson(head, report.since))
  return objectParts([
    ...main.map(([name, json]) => [name, { json }] as const),
    [
      'sharedZones',
      {
        json: {
          name: zone.name,
          maxSize: zone.bytes,
          usedSize: zone.usedBytes,
          usedNode: zone.usedKeys,
        },
      },
    ],
    [dialect.servers, objectParts(serverEntries(report.servers, head, dialect))],
    [dialect.filters, objectParts(groupEntries(report.filters, head, dialect))],
    [dialect.upstreams, objectParts(upstreamEntries(report.upstreams, head, dialect))],
    ...(dialect.subsystem === 'http'
      ? [['locationZones', objectParts(groupEntries(report.locations, head, dialect))] as const]
      : []),
  ])
}

/** Several servers, and their sum. */
export function serversParts(
  servers: readonly Traffic[],
  head: TrafficHead,
  dialect: TrafficDialect,
): Iterable<Part> {
  return objectParts([[dialect.servers, objectParts(serverEntries(servers, head, dialect))]])
}

export function serverJson(server: Traffic, head: TrafficHead, dialect: TrafficDialect): Json {
  return { [dialect.servers]: { [server.name]: zoneJson(server, head, dialect) } }
}

export function filtersParts(
  filters: readonly Traffic[],
  head: TrafficHead,
  dialect: TrafficDialect,
): Iterable<Part> {
  return objectParts([[dialect.filters, objectParts(groupEntries(filters, head, dialect))]])
}

export function upstreamsParts(
  upstreams: TrafficReport['upstreams'],
  head: TrafficHead,
  dialect: TrafficDialect,
): Iterable<Part> {
  return objectParts([[dialect.upstreams, objectParts(upstreamEntries(upstreams, head, dialect))]])
}

type Entries<Value> = Generator<readonly [name: string, value: Value], void, undefined>

function* serverEntries(
  servers: readonly Traffic[],
  head: TrafficHead,
  dialect: TrafficDialect,
): Entries<{ json: Json }> {
  const sum = { group: '', name: head.sumKey, ...addRows(servers, 1) }
  for (const one of [...servers, sum]) yield [one.name, { json: zoneJson(one, head, dialect) }]
}

function* groupEntries(
  all: readonly Traffic[],
  head: TrafficHead,
  dialect: TrafficDialect,
): Entries<Iterable<Part>> {
  for (const [group, zones] of Map.groupBy(all, (one) => one.group)) {
    const entries = zones
      .values()
      .map((one) => [one.name, { json: zoneJson(one, head, dialect) }] as const)
    yield [group, objectParts(entries)]
  }
}

function* upstreamEntries(
  upstreams: TrafficReport['upstreams'],
  head: TrafficHead,
  dialect: TrafficDialect,
): Entries<{ json: readonly Json[] }> {
  for (const [name, servers] of upstreams) {
    const json = servers.map((server) => upstreamJson(server, head, dialect))
    yield [name === '' ? dialect.noGroup : name, { json }]
  }
}

/** A server or a key of a filter. */
function zoneJson(traffic: Traffic, head: TrafficHead, dialect: TrafficDialect): Json {
  const cache = dialect.hasCache
    ? Object.fromEntries(cacheStatuses.map((name, i) => [name, traffic.cache[i] ?? 0]))
    : {}
  return {
    ...(dialect.subsystem === 'stream' && portJson(traffic.name)),
    ...countsJson(traffic, dialect, cache),
    ...timingsJson(traffic, head.now, dialect),
    overCounts: overCounts(traffic, dialect, Object.keys(cache)),
  }
}

/** Names of streams' servers begin with protocol and port: `TCP:80:127.0.0.1`. */
function portJson(name: string): Json {
  const match = /^(TCP|UDP):(\d+):/.exec(name)
  return match === null ? {} : { port: Number(match[2]), protocol: match[1] }
}

function upstreamJson(
  { address, traffic, settings }: UpstreamTraffic,
  { now }: TrafficHead,
  dialect: TrafficDialect,
): Json {
  const counted: Traffic = traffic ?? {
    group: '',
    name: address,
    ...addRows([], dialect.upstreamTimings),
  }
  return {
    server: address,
    ...countsJson(counted, dialect, {}),
    ...timingsJson(counted, now, dialect),
    weight: settings.weight,
    maxFails: settings.maxFails,
    failTimeout: settings.failTimeoutMs / 1000,
    backup: settings.backup,
    down: settings.down,
    overCounts: overCounts(counted, dialect, []),
  }
}

const statusNames = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const

function countsJson(traffic: Traffic, { counter }: TrafficDialect, cache: Json): Json {
  const statuses = statusNames.map((name, i) => [name, traffic.statuses[i] ?? 0] as const)
  return {
    [counter]: traffic.requests,
    inBytes: traffic.bytesIn,
    outBytes: traffic.bytesOut,
    responses: { ...Object.fromEntries(statuses), ...cache },
  }
}

function timingsJson({ timings, style }: Traffic, now: number, dialect: TrafficDialect): Json {
  return Object.assign(
    {},
    ...timings.map((timing, i) => timingJson(dialect.timings[i]!, timing, style, now)),
  ) as Json
}

const shownQuantiles = { p50: 0.5, p90: 0.9, p99: 0.99 } as const

function timingJson(name: string, timing: Timing, style: TrafficStyle, now: number): Json {
  const quantiles = Object.entries(shownQuantiles).map(([title, share]) => {
    const ms = latencyQuantile(timing.latencies, share)
    return [title, ms === undefined ? null : Math.round(ms * 1000) / 1000]
  })
  return {
    [`${name}MsecCounter`]: Math.round(timing.sumMs),
    [`${name}Msec`]: averageOf(timing.recent, style, now),
    [`${name}Msecs`]: {
      times: timing.recent.map(({ time }) => time),
      msecs: timing.recent.map(({ ms }) => Math.round(ms)),
    },
    [`${name}Buckets`]: { msecs: style.bucketsMs, counters: timing.bucketCounts },
    [`${name}MsecQuantiles`]: Object.fromEntries(quantiles) as Json,
  }
}

function overCounts(
  { timings }: Traffic,
  { counter, timings: names }: TrafficDialect,
  cache: readonly string[],
): Json {
  const sums = timings.map((_, i) => `${names[i]}MsecCounter`)
  const all = [counter, 'inBytes', 'outBytes', ...statusNames, ...cache, ...sums]
  const zeros = all.map((name) => [name, 0] as const)
  return { maxIntegerSize: Number.MAX_SAFE_INTEGER, ...Object.fromEntries(zeros) }
}
