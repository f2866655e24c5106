/** The checks of a process' groups: one set for both subsystems, so that they share what may run at a time. */
import { Probers } from '../../upstream/health/probers.ts'
import type { ZoneMemory } from '../../core/zone-memory.ts'
import type { UpstreamServices } from './services.ts'
import type { UpstreamCell } from './upstream-cells.ts'

const known = new WeakMap<ZoneMemory, Probers>()

export function probersOf({
  zoneMemory,
  log,
}: Pick<UpstreamServices, 'zoneMemory' | 'log'>): Probers {
  return known.getOrInsertComputed(zoneMemory, () => new Probers(log))
}

/** The version of the group that is in force now is the one that is checked. */
export function setProber(cell: UpstreamCell, probers: Probers): void {
  const hasProbes = (cell.current.config.health?.probes ?? []).length > 0
  if (!hasProbes) endProber(cell, probers)
  else if (cell.prober === undefined) cell.prober = probers.add(cell.current)
  else cell.prober.follow(cell.current)
}

export function endProber(cell: UpstreamCell, probers: Probers): void {
  if (cell.prober !== undefined) probers.remove(cell.prober)
  cell.prober = undefined
}
