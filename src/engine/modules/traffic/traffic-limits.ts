/** Limits of traffic: which of them is passed. */
import type { VariableHost } from '../../core/variables.ts'
import { filterTableOf } from './filter-table.ts'
import type { TrafficTable } from './traffic-table.ts'
import type { FilterLimit, TrafficLimit } from './traffic-values.ts'
import type { TrafficZone } from './traffic-zone.ts'

export interface LimitPlace {
  readonly zone: TrafficZone
  readonly host: VariableHost
  /** Name under which traffic of the virtual server is counted. */
  readonly server: string
  readonly filterLimit: FilterLimit | undefined
}

/** The first limit of which there is more, or `undefined`. */
export function passedLimit(
  limits: readonly TrafficLimit[],
  place: LimitPlace,
): TrafficLimit | undefined {
  for (const limit of limits) if (sumOf(limit, place) > limit.max) return limit
  return undefined
}

function sumOf(
  { key, field }: TrafficLimit,
  { zone, host, server, filterLimit }: LimitPlace,
): number {
  if (key === undefined) return zone.servers.sumOf('', server, field)
  const [kind = '', first = '', ...rest] = key.evaluate(host).split('@')
  if (rest.length === 0) {
    return kind === 'NO'
      ? zone.servers.sumOf('', first, field)
      : zone.upstreams.sumOf(first, first, field)
  }
  const name = rest.join('@')
  const table: TrafficTable =
    kind === 'UG' ? zone.upstreams : filterTableOf(zone, first, filterLimit)
  return table.sumOf(first, name, field)
}
