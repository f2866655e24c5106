/**
 * What a display of traffic serves below its location:
 *
 * ```text
 *   /status                          in the format that is configured
 *   /status/format/FORMAT            json, html, jsonp, prometheus
 *   /status/control?cmd=C&group=G&zone=Z    C: status, reset, delete
 * ```
 */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { ConnectionCounts } from '../../http/connection-counts.ts'
import type { TrafficZone } from '../../modules/traffic/traffic-zone.ts'
import { type Access, objectionOf } from '../access/grant.ts'
import { json } from '../api.ts'
import type { Entrance, GuardedFunction } from '../http-access.ts'
import { auditEntry } from '../audit-entry.ts'
import { type Part, PiecewiseResponse } from '../piecewise-response.ts'
import type { ControlPlane } from '../plane.ts'
import { exposition } from './exposition.ts'
import type { Measuring } from './metric.ts'
import { clearTraffic, type Command, commandReply, trafficStatus } from './traffic-commands.ts'
import type { TrafficDialect } from './traffic-dialect.ts'
import { type TrafficHead, trafficParts } from './traffic-json.ts'
import { declaredZone, readingTraffic, type TrafficSource } from './traffic-report.ts'
import { headFamilies, trafficFamilies } from './traffic-metrics.ts'

export const displayFormats = ['json', 'html', 'jsonp', 'prometheus'] as const

export type DisplayFormat = (typeof displayFormats)[number]

export interface DisplayOptions {
  readonly plane: ControlPlane
  readonly version: string
  readonly entrance: Pick<Entrance, 'audit'>
  readonly dialect: TrafficDialect
  readonly format: DisplayFormat
  readonly callback: string
  readonly sumKey: string
  /** Name of the zone; the one that there is, without. */
  readonly zone: string | undefined
  readonly now?: () => number
}

const counts = new WeakMap<ControlPlane, ConnectionCounts>()

/** Connections and requests of all workers; not those of control itself. */
export function connectionCountsOf(plane: ControlPlane): ConnectionCounts {
  return counts.getOrInsertComputed(plane, () => new ConnectionCounts(plane.zones))
}

export function createDisplay(options: DisplayOptions): GuardedFunction {
  const page = readFileSync(new URL('traffic-page.html', import.meta.url), 'utf8')
  return (request, caller) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return json(405, { code: 405, msg: 'method not allowed' })
    }
    const { pathname } = new URL(request.url)
    if (pathname.endsWith('/control')) return command(options, request, caller)
    const named = /\/format\/([^/]*)$/.exec(pathname)?.[1]
    const format =
      named === undefined ? options.format : displayFormats.find((one) => one === named)
    if (format === undefined) return json(404, { code: 404, msg: 'not found error' })
    const denial = denialOf(caller.access, 'read')
    if (denial !== undefined) return denial
    if (format === 'html') return new Response(page, { headers: pageHeaders })
    return show(options, format, request)
  }
}

/** Where tokens that are kept to some paths are asked for this one. */
const accessPath = '/v2/traffic'

function denialOf({ grant }: Access, scope: 'read' | 'change'): Response | undefined {
  const msg = objectionOf(grant, { scope, method: 'GET', path: accessPath })
  return msg === undefined ? undefined : json(403, { code: 403, msg })
}

const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  // The page talks to this server alone, and nothing may be framed around it.
  'content-security-policy':
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'",
}

interface Found {
  readonly zone: TrafficZone
  readonly source: TrafficSource
  readonly head: TrafficHead
}

function find({
  plane,
  version,
  dialect,
  sumKey,
  zone: name,
  now,
}: DisplayOptions): Found | undefined {
  const source = { tree: plane.state().tree, memory: plane.zones }
  const zone = declaredZone(source, dialect, name)
  if (zone === undefined) return undefined
  const head = {
    host: hostname(),
    version,
    now: (now ?? Date.now)(),
    connections: connectionCountsOf(plane).totals(),
    sumKey,
  }
  return { zone, source, head }
}

function noZone({ dialect }: DisplayOptions): Response {
  const msg = `the configuration has no "${dialect.zoneDirective}"`
  return json(503, { code: 503, msg })
}

function show(
  options: DisplayOptions,
  format: Exclude<DisplayFormat, 'html'>,
  { headers }: Request,
): Response | Promise<Response> {
  const found = find(options)
  if (found === undefined) return noZone(options)
  const { dialect } = options
  if (format === 'prometheus') return exposition(measured(found, dialect), headers.get('accept'))
  return new PiecewiseResponse(
    format === 'json' ? documentOf(found, dialect) : callOf(found, options),
    { 'content-type': documentTypes[format], 'cache-control': 'no-store' },
  )
}

const documentTypes = {
  json: 'application/json',
  jsonp: 'application/javascript; charset=utf-8',
} as const

function* measured({ zone, source, head }: Found, dialect: TrafficDialect): Measuring {
  const report = yield* readingTraffic(zone, source, dialect)
  yield* headFamilies(report, head, dialect)
  yield* trafficFamilies(report, head, dialect)
}

type Parts = Generator<Part, void, undefined>

function* documentOf({ zone, source, head }: Found, dialect: TrafficDialect): Parts {
  const report = yield* readingTraffic(zone, source, dialect)
  yield* trafficParts(report, head, dialect)
}

function* callOf(found: Found, { dialect, callback }: DisplayOptions): Parts {
  yield `${callback}(`
  yield* documentOf(found, dialect)
  yield ')'
}

/** A GET changes something here, as clients know it: it needs the scope for that, and is audited. */
async function command(
  options: DisplayOptions,
  request: Request,
  { remoteAddress, access }: Parameters<GuardedFunction>[1],
): Promise<Response> {
  const url = new URL(request.url)
  const group = url.searchParams.get('group') ?? ''
  const told: Command = {
    cmd: url.searchParams.get('cmd') ?? '',
    group,
    zone: url.searchParams.get('zone') ?? (group === '*' ? '*' : ''),
  }
  const looks = told.cmd === 'status'
  const answer = denialOf(access, looks ? 'read' : 'change') ?? run(options, told)
  if (looks) return answer
  const actor = { peer: remoteAddress, name: access.name }
  const subject = { url, method: request.method, actor }
  options.entrance.audit.write(await auditEntry(subject, answer))
  return answer
}

function run(options: DisplayOptions, told: Command): Response {
  const found = find(options)
  if (found === undefined) return noZone(options)
  const { zone, source } = found
  const { dialect } = options
  if (told.cmd !== 'status') {
    const cleared = clearTraffic(zone, source, { command: told, dialect })
    return json(200, commandReply(told, cleared))
  }
  return new PiecewiseResponse(statusParts(found, told, dialect))
}

function* statusParts(
  { zone, source, head }: Found,
  told: Command,
  dialect: TrafficDialect,
): Generator<Part, void, undefined> {
  const report = yield* readingTraffic(zone, source, dialect)
  const status = trafficStatus(report, { command: told, head, dialect })
  yield* status ?? [{ json: commandReply(told, undefined) }]
}
