/** How full the zones of limits are, read where some worker has opened them. */
import { directives, findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import { parseSize } from '../../conf/units.ts'
import { tableBytes } from '../../core/table-layout.ts'
import { tableIn } from '../../core/zone-memory.ts'
import { limitConnLayout, limitConnZoneId } from '../../modules/limit-conn.ts'
import type { ControlPlane } from '../plane.ts'
import { Family } from './exposition.ts'

const subsystems = ['http', 'stream'] as const

export function limitFamilies(plane: ControlPlane): readonly Family[] {
  const keys = new Family('trijet_limit_conn_keys', 'gauge', 'Keys that have connections.')
  const uses = new Family('trijet_limit_conn_connections', 'gauge', 'Connections of all keys.')
  const { tree } = plane.state()
  for (const subsystem of subsystems) {
    for (const { name, bytes, key } of zonesOf(tree, subsystem)) {
      const layout = limitConnLayout(bytes)
      const id = limitConnZoneId(subsystem, name, key)
      const memory = plane.zones.find(id, tableBytes(layout))
      if (memory === undefined) continue
      const table = tableIn(memory, layout)
      let users = 0
      for (const record of table.records()) users += table.users(record)
      keys.add({ subsystem, zone: name }, table.used)
      uses.add({ subsystem, zone: name }, users)
    }
  }
  return [keys, uses]
}

interface LimitZone {
  readonly name: string
  readonly bytes: number
  readonly key: string
}

function* zonesOf(
  tree: Directive,
  subsystem: (typeof subsystems)[number],
): Generator<LimitZone, void, undefined> {
  const block = findDirective(tree.block, subsystem)?.block
  if (block === undefined) return
  for (const { name: directive, args } of directives(block)) {
    if (directive !== 'limit_conn_zone') continue
    const [key = '', zone = ''] = args
    const [, name = '', size = ''] = /^zone=([^:]*):(.*)$/.exec(zone) ?? []
    const bytes = parseSize(size)
    if (bytes !== undefined) yield { name, bytes, key }
  }
}
