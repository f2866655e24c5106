/**
 * A zone of traffic, as `vhost_traffic_status_zone` and `server_traffic_status_zone` declare it: a table for
 * each kind of thing that is counted, each made when there is something of its kind.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseSize } from '../../conf/units.ts'
import type { ValueType } from '../../core/module.ts'
import type { ZoneMemory } from '../../core/zone-memory.ts'
import { keysMin, zoneBytesPerKey } from './limits.ts'
import { TrafficTable, type TrafficTableOptions } from './traffic-table.ts'

export interface TrafficZoneConf {
  readonly name: string
  readonly bytes: number
}

/** Times that are taken of upstreams: in HTTP of the request and of the response, in streams four. */
export type UpstreamTimings = 2 | 4

/** `shared:name:size`, or nothing for the usual one. */
export function trafficZone(usual: string): ValueType<TrafficZoneConf | undefined> {
  return {
    describe: '[shared:name:size]',
    parse: (args) => parseTrafficZone(args, usual),
  }
}

/** Throws `ConfError`. */
export function parseTrafficZone([parameter]: readonly string[], usual: string): TrafficZoneConf {
  if (parameter === undefined) return { name: usual, bytes: usualBytes }
  const match = /^shared:([^:]+)(?::(.+))?$/.exec(parameter)
  if (match === null) throw new ConfError(`invalid parameter "${parameter}"`)
  const bytes = match[2] === undefined ? usualBytes : parseSize(match[2])
  if (bytes === undefined) throw new ConfError(`invalid shared size "${parameter}"`)
  if (bytes < keysMin * zoneBytesPerKey) throw new ConfError(`zone "${parameter}" is too small`)
  return { name: match[1]!, bytes }
}

const usualBytes = 1024 * 1024

export class TrafficZone {
  readonly conf: TrafficZoneConf
  readonly #memory: ZoneMemory
  readonly #upstreamTimings: UpstreamTimings
  readonly #tables = new Map<string, TrafficTable>()

  constructor(memory: ZoneMemory, conf: TrafficZoneConf, upstreamTimings: UpstreamTimings) {
    this.conf = conf
    this.#memory = memory
    this.#upstreamTimings = upstreamTimings
  }

  /** By name of a virtual server. */
  get servers(): TrafficTable {
    return this.#table('servers')
  }

  /** By virtual server and location. */
  get locations(): TrafficTable {
    return this.#table('locations')
  }

  /** By keys that a configuration asks for. */
  get filters(): TrafficTable {
    return this.#table('filters')
  }

  /** Keys of filters of which there are at most so many, the oldest of which make room. */
  limitedFilters(keys: number): TrafficTable {
    return this.#table(`filters ${keys}`, keys)
  }

  /** By group of upstreams and address of a server. */
  get upstreams(): TrafficTable {
    return this.#table('upstreams')
  }

  #table(kind: string, keys?: number): TrafficTable {
    const known = this.#tables.get(kind)
    if (known !== undefined) return known
    const { name, bytes } = this.conf
    const capacity = keys ?? Math.max(keysMin, Math.floor(bytes / zoneBytesPerKey))
    const timings = kind === 'upstreams' ? this.#upstreamTimings : 1
    const memory = this.#memory
    // Another size is another zone.
    const table = openTable({
      memory,
      name: `traffic ${name} ${bytes} ${kind}`,
      // A number of keys that was asked for is not exceeded.
      ...(keys === undefined && { zone: name }),
      capacity,
      timings,
    })
    this.#tables.set(kind, table)
    return table
  }
}

/** No memory, or more processes than a table has columns for: an error that those who count can live with. */
function openTable(options: TrafficTableOptions): TrafficTable {
  try {
    return new TrafficTable(options)
  } catch (error) {
    throw new ConfError((error as Error).message)
  }
}

const zones = new WeakMap<ZoneMemory, Map<string, TrafficZone>>()

/** The zone as a process has it open: one object for all that count in it. */
export function trafficZoneOf(
  memory: ZoneMemory,
  conf: TrafficZoneConf,
  upstreamTimings: UpstreamTimings,
): TrafficZone {
  const known = zones.getOrInsertComputed(memory, () => new Map<string, TrafficZone>())
  const id = `${upstreamTimings} ${conf.bytes} ${conf.name}`
  return known.getOrInsertComputed(id, () => new TrafficZone(memory, conf, upstreamTimings))
}
