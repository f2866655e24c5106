/** `vhost_traffic_status*`: traffic counted by server and by keys of one's choosing. */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseSize } from '../../conf/units.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { ValueType } from '../../core/module.ts'
import type { ZoneMemory } from '../../modules/limit-conn.ts'
import { concat, flag } from '../../modules/value-types.ts'
import { defineHttpModule, type HttpModule, type LogHandler } from '../module.ts'
import { TrafficTable, type TrafficZone } from '../traffic.ts'

interface FilterKey {
  readonly key: ComplexValue
  /** What the keys are listed under; empty for none. */
  readonly group: ComplexValue | undefined
}

export interface HttpVtsConf {
  readonly vhost_traffic_status_zone: TrafficZone | undefined
  readonly vhost_traffic_status: boolean
  readonly vhost_traffic_status_filter: boolean
  readonly vhost_traffic_status_filter_by_set_key: readonly FilterKey[]
}

const everywhere = ['http', 'http.server', 'http.location'] as const

const usualZone: TrafficZone = { name: 'vhost_traffic_status', bytes: 1024 * 1024 }

const zone: ValueType<TrafficZone | undefined> = {
  describe: '[shared:name:size]',
  parse: ([parameter]) => {
    if (parameter === undefined) return usualZone
    const match = /^shared:([^:]+):(.+)$/.exec(parameter)
    if (match === null) throw new ConfError(`invalid parameter "${parameter}"`)
    const bytes = parseSize(match[2]!)
    if (bytes === undefined) throw new ConfError(`invalid shared size "${parameter}"`)
    return { name: match[1]!, bytes }
  },
}

const filterKey: ValueType<readonly FilterKey[]> = {
  describe: 'key [name]',
  parse: ([key = '', group], env) => [
    { key: env.complex(key), group: group === undefined ? undefined : env.complex(group) },
  ],
}

export const httpVts: HttpModule<HttpVtsConf> = defineHttpModule<HttpVtsConf>({
  id: 'http.vts',
  loadNames: ['http_vtsc_module'],
  directives: {
    vhost_traffic_status_zone: {
      contexts: ['http'],
      args: [0, 1],
      syntax: 'vhost_traffic_status_zone [shared:name:size]',
      value: zone,
      default: undefined,
      doc: 'Counts traffic in memory that all workers share.',
    },
    vhost_traffic_status: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'vhost_traffic_status on | off',
      value: flag,
      default: true,
      doc: 'Counts traffic of servers, where there is a zone.',
    },
    vhost_traffic_status_filter: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'vhost_traffic_status_filter on | off',
      value: flag,
      default: true,
      doc: 'Counts traffic by keys.',
    },
    vhost_traffic_status_filter_by_set_key: {
      contexts: everywhere,
      args: [1, 2],
      syntax: 'vhost_traffic_status_filter_by_set_key key [name]',
      value: filterKey,
      default: [],
      merge: concat,
      doc: 'Adds a key to count traffic by.',
    },
  },
  hooks: {
    log: (conf, { services }): LogHandler | undefined => {
      const { vhost_traffic_status_zone: known } = conf
      if (known === undefined || !conf.vhost_traffic_status) return undefined
      const keys = conf.vhost_traffic_status_filter
        ? conf.vhost_traffic_status_filter_by_set_key
        : []
      return (request) => {
        const table = trafficTable(services.zoneMemory, known)
        table.count(serverKey(request.server.name), request)
        for (const { key, group } of keys) {
          table.count(filterKeyOf(group?.evaluate(request) ?? '', key.evaluate(request)), request)
        }
      }
    },
  },
})

/** A name that clients cannot make. */
const separator = '\x1f'

function serverKey(name: string): string {
  return `server${separator}${name === '' ? '_' : name}`
}

function filterKeyOf(group: string, key: string): string {
  return `filter${separator}${group}${separator}${key}`
}

const tables = new WeakMap<ZoneMemory, Map<string, TrafficTable>>()

/** The table of a zone; opened when the first request is counted. */
export function trafficTable(memory: ZoneMemory, known: TrafficZone): TrafficTable {
  const byName = tables.get(memory) ?? new Map<string, TrafficTable>()
  tables.set(memory, byName)
  const id = `${known.name}:${known.bytes}`
  const table = byName.get(id) ?? new TrafficTable(memory, known)
  byName.set(id, table)
  return table
}
