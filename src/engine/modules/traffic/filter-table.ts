/** Where keys of filters are counted: those of some groups may be limited in number. */
import type { TrafficTable } from './traffic-table.ts'
import type { FilterLimit } from './traffic-values.ts'
import type { TrafficZone } from './traffic-zone.ts'

export function filterTableOf(
  zone: TrafficZone,
  group: string,
  limit: FilterLimit | undefined,
): TrafficTable {
  return limit !== undefined && isLimited(group, limit)
    ? zone.limitedFilters(limit.keys)
    : zone.filters
}

/** Beginnings of group names; without any, all groups are meant. */
function isLimited(group: string, { groups }: FilterLimit): boolean {
  if (groups.length === 0) return true
  for (const beginning of groups) if (group.startsWith(beginning)) return true
  return false
}
