/** What was counted of a subsystem's traffic at one time, put together with what the configuration says. */
import { directives, findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import type { ZoneMemory } from '../../core/zone-memory.ts'
import type { Traffic } from '../../modules/traffic/traffic.ts'
import type { TrafficTable } from '../../modules/traffic/traffic-table.ts'
import { parseFilterLimit } from '../../modules/traffic/traffic-values.ts'
import {
  parseTrafficZone,
  type TrafficZone,
  trafficZoneOf,
} from '../../modules/traffic/traffic-zone.ts'
import { formatAddress } from '../../net/address.ts'
import { parseServer, type ServerConfig } from '../../upstream/server-directive.ts'
import { groupsOf } from '../group-index.ts'
import type { TrafficDialect } from './traffic-dialect.ts'

/** One server of a group; `settings` are those of its line, or the usual ones. */
export interface UpstreamTraffic {
  readonly address: string
  readonly traffic: Traffic | undefined
  readonly settings: Pick<ServerConfig, 'weight' | 'maxFails' | 'failTimeoutMs' | 'backup' | 'down'>
}

export interface TrafficReport {
  readonly zone: {
    readonly name: string
    readonly bytes: number
    readonly usedBytes: number
    readonly usedKeys: number
  }
  /** Milliseconds of the wall clock since which is counted. */
  readonly since: number
  readonly servers: readonly Traffic[]
  readonly locations: readonly Traffic[]
  readonly filters: readonly Traffic[]
  /** By group; servers that stand in none are in the group without a name. */
  readonly upstreams: ReadonlyMap<string, readonly UpstreamTraffic[]>
}

/** Where traffic is read. */
export interface TrafficSource {
  /** The configuration in force in the workers. */
  readonly tree: Directive
  readonly memory: ZoneMemory
}

/** The zone that the configuration in force declares, as `name` or as the only one. */
export function declaredZone(
  { tree, memory }: TrafficSource,
  dialect: TrafficDialect,
  name?: string,
): TrafficZone | undefined {
  const block = findDirective(tree.block, dialect.subsystem)
  const node = findDirective(block?.block, dialect.zoneDirective)
  if (node === undefined) return undefined
  const conf = parseTrafficZone(node.args, dialect.usualZone)
  if (name !== undefined && name !== conf.name) return undefined
  return trafficZoneOf(memory, conf, dialect.upstreamTimings)
}

/** Tables that hold keys of filters. */
export function filterTables(
  zone: TrafficZone,
  { tree }: TrafficSource,
  { subsystem, filterLimitDirective: directive }: TrafficDialect,
): readonly TrafficTable[] {
  if (directive === undefined) return [zone.filters]
  const node = findDirective(findDirective(tree.block, subsystem)?.block, directive)
  const limit = node && parseFilterLimit(node.args)
  return limit === undefined ? [zone.filters] : [zone.filters, zone.limitedFilters(limit.keys)]
}

/** What was counted until now, a key at a time: there may be a hundred thousand. */
export function* readingTraffic(
  zone: TrafficZone,
  source: TrafficSource,
  dialect: TrafficDialect,
): Generator<undefined, TrafficReport, undefined> {
  const filters = filterTables(zone, source, dialect)
  const tables = [zone.servers, zone.locations, zone.upstreams, ...filters]
  return {
    zone: {
      name: zone.conf.name,
      bytes: zone.conf.bytes,
      usedBytes: tables.reduce((sum, { bytes }) => sum + bytes, 0),
      usedKeys: tables.reduce((sum, { used }) => sum + used, 0),
    },
    since: zone.servers.madeAt,
    servers: yield* reading([zone.servers]),
    locations: yield* reading([zone.locations]),
    filters: yield* reading(filters),
    upstreams: yield* readingUpstreams(yield* reading([zone.upstreams]), source.tree, dialect),
  }
}

function* reading(
  tables: readonly TrafficTable[],
): Generator<undefined, readonly Traffic[], undefined> {
  const found: Traffic[] = []
  for (const table of tables) {
    for (const traffic of table.all()) {
      found.push(traffic)
      yield undefined
    }
  }
  return found.sort(byName)
}

function byName(a: Traffic, b: Traffic): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1
  return a.name < b.name ? -1 : 1
}

const usualSettings: UpstreamTraffic['settings'] = Object.freeze({
  weight: 1,
  maxFails: 1,
  failTimeoutMs: 10_000,
  backup: false,
  down: false,
})

/** All servers of all groups, used or not, and whatever else was asked. */
function* readingUpstreams(
  all: readonly Traffic[],
  tree: Directive,
  { subsystem }: TrafficDialect,
): Generator<undefined, TrafficReport['upstreams'], undefined> {
  const found = new Map<string, readonly UpstreamTraffic[]>()
  const rest = Map.groupBy(all, ({ group }) => group)
  for (const node of groupsOf(tree, subsystem).groups()) {
    const name = node.args[0]!
    found.set(name, serversOf(node, rest.get(name) ?? [], subsystem))
    rest.delete(name)
    yield undefined
  }
  const alone = [...rest.values()].flat().map((traffic) => {
    return { address: traffic.name, traffic, settings: usualSettings }
  })
  if (alone.length > 0) {
    alone.sort((a, b) => (a.address < b.address ? -1 : 1))
    found.set('', alone)
  }
  return found
}

function serversOf(
  node: Directive,
  counted: readonly Traffic[],
  subsystem: TrafficDialect['subsystem'],
): UpstreamTraffic[] {
  const rest = new Map(counted.map((traffic) => [traffic.name, traffic]))
  const servers: UpstreamTraffic[] = []
  let named: UpstreamTraffic['settings'] = usualSettings
  for (const line of directives(node.block!)) {
    if (line.name !== 'server') continue
    const settings = parseServer(line.args, `${subsystem}.upstream`)
    const { endpoint } = settings
    if (endpoint.family === 'name') {
      named = settings
      continue
    }
    const address = formatAddress(endpoint)
    servers.push({ address, traffic: rest.get(address), settings })
    rest.delete(address)
  }
  // Addresses of names that were looked up, and servers that are gone.
  for (const [address, traffic] of rest) servers.push({ address, traffic, settings: named })
  return servers
}
