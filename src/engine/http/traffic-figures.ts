/** `vhost_traffic_status_set_by_filter`: one figure of what was counted, as the value of a variable. */
import { ConfError } from '../conf/diagnostics.ts'
import type { ComplexValue } from '../core/complex-value.ts'
import type { ValueType } from '../core/module.ts'
import type { VariableDefinition, VariableHost } from '../core/variables.ts'
import { averageOf } from '../modules/traffic/average.ts'
import { filterTableOf } from '../modules/traffic/filter-table.ts'
import { cacheStatuses } from '../modules/traffic/traffic-row.ts'
import type { Traffic } from '../modules/traffic/traffic.ts'
import type { TrafficTable } from '../modules/traffic/traffic-table.ts'
import type { FilterLimit } from '../modules/traffic/traffic-values.ts'
import type { TrafficZone } from '../modules/traffic/traffic-zone.ts'

type FigureGroup = 'server' | 'filter' | 'upstream@alone' | 'upstream@group'

export interface TrafficFigure {
  /** Name of the variable that shows it. */
  readonly variable: string
  readonly group: FigureGroup
  readonly zone: ComplexValue
  readonly read: (traffic: Traffic, now: number) => number
}

/** Figures by the names that they have in the documents, too. */
export const figures: ReadonlyMap<string, TrafficFigure['read']> = new Map<
  string,
  TrafficFigure['read']
>([
  ['requestCounter', ({ requests }) => requests],
  ['inBytes', ({ bytesIn }) => bytesIn],
  ['outBytes', ({ bytesOut }) => bytesOut],
  ['requestMsecCounter', ({ timings }) => Math.round(timings[0]!.sumMs)],
  ['requestMsec', ({ timings, style }, now) => averageOf(timings[0]!.recent, style, now)],
  ['responseMsecCounter', ({ timings }) => Math.round(timings[1]?.sumMs ?? 0)],
  ['responseMsec', ({ timings, style }, now) => averageOf(timings[1]?.recent ?? [], style, now)],
  ...[1, 2, 3, 4, 5].map((digit) => {
    return [`${digit}xx`, ({ statuses }: Traffic) => statuses[digit - 1]!] as const
  }),
  ...cacheStatuses.map((name, i) => {
    const title = `cache${name[0]!.toUpperCase()}${name.slice(1)}`
    return [title, ({ cache }: Traffic) => cache[i]!] as const
  }),
])

/** The figures, as variables that `reader` reads. */
export function trafficFigure(
  reader: VariableDefinition<VariableHost>,
): ValueType<readonly TrafficFigure[]> {
  return {
    describe: '$variable group/zone/name',
    parse: ([variable = '', path = ''], env) => {
      const match = /^(server|filter|upstream@alone|upstream@group)\/(.+)\/([^/]+)$/.exec(path)
      const read = figures.get(match?.[3] ?? '')
      if (match === null || read === undefined) throw new ConfError(`invalid parameter "${path}"`)
      env.variables?.declare(variable, reader)
      const [, group, zone] = match
      return [
        {
          variable: variable.slice(1),
          group: group as FigureGroup,
          zone: env.complex(zone!),
          read,
        },
      ]
    },
  }
}

export interface FigurePlace {
  readonly zone: TrafficZone
  readonly host: VariableHost
  readonly filterLimit: FilterLimit | undefined
}

/** The figure now, as text; "0" where nothing was counted. */
export function readFigure({ group, zone: of, read }: TrafficFigure, place: FigurePlace): string {
  const traffic = find(group, of.evaluate(place.host), place)
  return traffic === undefined ? '0' : String(read(traffic, Date.now()))
}

function find(
  group: FigureGroup,
  text: string,
  { zone, filterLimit }: FigurePlace,
): Traffic | undefined {
  if (group === 'server') return zone.servers.find('', text)
  if (group === 'upstream@alone') {
    const address = text.replace(/^@/, '')
    return zone.upstreams.find(address, address)
  }
  const at = text.indexOf('@')
  const [outer, inner] = [text.slice(0, at), text.slice(at + 1)]
  const table: TrafficTable =
    group === 'filter' ? filterTableOf(zone, outer, filterLimit) : zone.upstreams
  return at < 0 ? undefined : table.find(outer, inner)
}
