/** How full the zones of limits are, read where some worker has opened them. */
import { directives, findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import { parseSize } from '../../conf/units.ts'
import type { SharedTable } from '../../core/shared-table.ts'
import { type Fields, tableBytes, type TableLayout } from '../../core/table-layout.ts'
import { tableIn } from '../../core/zone-memory.ts'
import { limitConnLayout, type LimitSubsystem, limitConnZoneId } from '../../modules/limit-conn.ts'
import { limitReqLayout, limitReqZoneId } from '../../modules/limit-req.ts'
import type { ControlPlane } from '../plane.ts'
import { Labels } from './labels.ts'
import { familiesOf, type Labelled, type Measuring, type Metric } from './metric.ts'

interface LimitZone {
  readonly directive: string
  readonly name: string
  readonly bytes: number
  readonly key: string
}

const subsystems: readonly LimitSubsystem[] = ['http', 'stream']

export function* limitFamilies(plane: ControlPlane): Measuring {
  const { tree } = plane.state()
  const zones: Labelled<Table>[] = []
  const connections: Labelled<Table>[] = []
  for (const subsystem of subsystems) {
    for (const zone of zonesOf(tree, subsystem)) {
      const { directive, name } = zone
      const of = openZone(plane, subsystem, zone)
      if (of === undefined) continue
      zones.push({ labels: new Labels({ subsystem, directive, zone: name }), of })
      if (directive === 'limit_conn_zone') {
        connections.push({ labels: new Labels({ subsystem, zone: name }), of })
      }
    }
  }
  yield* familiesOf(zoneMetrics, zones)
  yield* familiesOf(connectionMetrics, connections)
}

const zoneMetrics: readonly Metric<Labelled<Table>>[] = [
  {
    name: 'trijet_limit_zone_keys',
    type: 'gauge',
    help: 'Keys in a zone.',
    measure: (samples, { labels, of }) => samples.add(of.used, labels),
  },
  {
    name: 'trijet_limit_zone_room',
    type: 'gauge',
    help: 'Keys it has room for now.',
    measure: (samples, { labels, of }) => samples.add(of.room, labels),
  },
]

const connectionMetrics: readonly Metric<Labelled<Table>>[] = [
  {
    name: 'trijet_limit_conn_connections',
    type: 'gauge',
    help: 'Connections of all keys.',
    measure: (samples, { labels, of }) => samples.add(usersOf(of), labels),
  },
]

/** How control looks at a zone; no field of it matters. */
type Table = Pick<SharedTable<Record<string, never>>, 'used' | 'room' | 'records' | 'users'>

function openZone(
  plane: ControlPlane,
  subsystem: LimitSubsystem,
  { directive, name, bytes, key }: LimitZone,
): Table | undefined {
  const find = <F extends Fields>(id: string, layout: TableLayout<F>): Table | undefined => {
    const memory = plane.zones.find(id, tableBytes(layout))
    return memory && tableIn(memory, layout)
  }
  return directive === 'limit_conn_zone'
    ? find(limitConnZoneId(subsystem, name, key), limitConnLayout(bytes))
    : find(limitReqZoneId(name, key), limitReqLayout(bytes))
}

function usersOf(table: Table): number {
  let users = 0
  for (const record of table.records()) users += table.users(record)
  return users
}

function* zonesOf(
  tree: Directive,
  subsystem: LimitSubsystem,
): Generator<LimitZone, void, undefined> {
  const block = findDirective(tree.block, subsystem)?.block
  if (block === undefined) return
  for (const { name: directive, args } of directives(block)) {
    if (directive !== 'limit_conn_zone' && directive !== 'limit_req_zone') continue
    const [key = '', zone = ''] = args
    const [, name = '', size = ''] = /^zone=([^:]*):(.*)$/.exec(zone) ?? []
    const bytes = parseSize(size)
    if (bytes !== undefined) yield { directive, name, bytes, key }
  }
}
