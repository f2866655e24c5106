/**
 * Commands on what was counted, as the modules for nginx know them: to see a part of it, to begin a part of
 * it anew (`reset`), or to do so and not show it until something comes (`delete`).
 *
 * ```text
 *   group            zone
 *   *                                  everything
 *   server           * | ::main | NAME
 *   filter           * | GROUP@KEY
 *   upstream@group   * | GROUP@ADDRESS
 *   upstream@alone   * | ADDRESS | @ADDRESS
 * ```
 */
import type { Traffic } from '../../modules/traffic/traffic.ts'
import type { TrafficTable } from '../../modules/traffic/traffic-table.ts'
import type { TrafficZone } from '../../modules/traffic/traffic-zone.ts'
import { groupsOf } from '../group-index.ts'
import type { Part } from '../piecewise-response.ts'
import type { TrafficDialect } from './traffic-dialect.ts'
import {
  filtersParts,
  mainJson,
  serverJson,
  serversParts,
  type TrafficHead,
  trafficParts,
  upstreamsParts,
} from './traffic-json.ts'
import { filterTables, type TrafficReport, type TrafficSource } from './traffic-report.ts'

export interface Command {
  readonly cmd: string
  readonly group: string
  readonly zone: string
}

/** What a command answers that changes something; `undefined`: it was not understood. */
export function commandReply(
  { cmd, group, zone }: Command,
  done: number | undefined,
): Readonly<Record<string, unknown>> {
  return {
    processingReturn: done !== undefined && done > 0,
    processingCommandString: cmd,
    processingGroupString: group,
    processingZoneString: zone,
    processingCounts: done ?? 0,
  }
}

interface StatusPlace {
  readonly command: Command
  readonly head: TrafficHead
  readonly dialect: TrafficDialect
}

/** The part of the document that is asked for; `undefined` where there is no such part. */
export function trafficStatus(
  report: TrafficReport,
  { command, head, dialect }: StatusPlace,
): Iterable<Part> | undefined {
  const { group, zone } = command
  if (group === '*') return trafficParts(report, head, dialect)
  if (group === 'server' && zone === '::main') return [{ json: mainJson(head, report.since) }]
  const all = zone === '*'
  switch (group) {
    case 'server': {
      if (all) return serversParts(report.servers, head, dialect)
      const server = report.servers.find(({ name }) => name === zone)
      // Of one zone there is no sum to be shown.
      return server && [{ json: serverJson(server, head, dialect) }]
    }
    case 'filter': {
      const filters = report.filters.filter((one) => all || isNamed(one, zone))
      return all || filters.length > 0 ? filtersParts(filters, head, dialect) : undefined
    }
    case 'upstream@group':
    case 'upstream@alone': {
      const upstreams = upstreamsOf(report, group === 'upstream@alone', all ? undefined : zone)
      return all || upstreams.size > 0 ? upstreamsParts(upstreams, head, dialect) : undefined
    }
    default:
      return undefined
  }
}

function upstreamsOf(
  { upstreams }: TrafficReport,
  alone: boolean,
  zone: string | undefined,
): TrafficReport['upstreams'] {
  const found = new Map<string, NonNullable<ReturnType<TrafficReport['upstreams']['get']>>>()
  for (const [name, servers] of upstreams) {
    if ((name === '') !== alone) continue
    const wanted = servers.filter(({ address }) => {
      return zone === undefined || `${name}@${address}` === zone || (alone && address === zone)
    })
    if (wanted.length > 0) found.set(name, wanted)
  }
  return found
}

function isNamed({ group, name }: Pick<Traffic, 'group' | 'name'>, zone: string): boolean {
  return `${group}@${name}` === zone
}

/** Does what `reset` or `delete` says. Returns how many zones there were; `undefined`: nothing was meant. */
export function clearTraffic(
  zone: TrafficZone,
  source: TrafficSource,
  { command, dialect }: Pick<StatusPlace, 'command' | 'dialect'>,
): number | undefined {
  const { cmd, group, zone: wanted } = command
  if (cmd !== 'reset' && cmd !== 'delete') return undefined
  if (wanted === '' && group !== '*') return undefined
  const clear = (tables: readonly TrafficTable[], isMeant: (one: Key) => boolean): number =>
    tables.reduce((sum, table) => {
      return sum + table.reset((outer, name) => isMeant({ group: outer, name }), cmd === 'delete')
    }, 0)
  const all = group === '*' || wanted === '*'
  const filters = filterTables(zone, source, dialect)
  const isGroup = (name: string): boolean =>
    groupsOf(source.tree, dialect.subsystem).find(name) !== undefined
  const servers = (): number => {
    // Locations belong to their server.
    clear([zone.locations], (one) => all || one.group === wanted)
    return clear([zone.servers], ({ name }) => all || name === wanted)
  }
  switch (group) {
    case '*':
      return servers() + clear([...filters, zone.upstreams], () => true)
    case 'server':
      return servers()
    case 'filter':
      return clear(filters, (one) => all || isNamed(one, wanted))
    case 'upstream@group':
      return clear([zone.upstreams], (one) => isGroup(one.group) && (all || isNamed(one, wanted)))
    case 'upstream@alone': {
      const address = wanted.replace(/^@/, '')
      return clear([zone.upstreams], (one) => !isGroup(one.group) && (all || one.name === address))
    }
    default:
      return undefined
  }
}

type Key = Pick<Traffic, 'group' | 'name'>
