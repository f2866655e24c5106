/** Zones of shared memory that a configuration declares and that can grow. */
import { directives, findDirective } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { usualHttpZone } from '../http/modules/vts.ts'
import { usualStreamZone } from '../stream/modules/traffic-status.ts'

/** How each directive names its zone. */
const zoneOf: Readonly<Record<string, (args: readonly string[]) => string | undefined>> = {
  limit_req_zone: namedZone,
  limit_conn_zone: namedZone,
  sticky: namedZone,
  zone: ([name]) => name,
  vhost_traffic_status_zone: ([shared]) => sharedZone(shared, usualHttpZone),
  server_traffic_status_zone: ([shared]) => sharedZone(shared, usualStreamZone),
}

export function declaresZone(tree: Directive, name: string): boolean {
  for (const subsystem of ['http', 'stream']) {
    const block = findDirective(tree.block, subsystem)?.block
    if (block === undefined) continue
    for (const node of directives(block)) {
      if (node.name === 'upstream' ? hasZone(node, name) : isZone(node, name)) return true
    }
  }
  return false
}

function hasZone({ block }: Directive, name: string): boolean {
  for (const node of block === undefined ? [] : directives(block)) {
    if (isZone(node, name)) return true
  }
  return false
}

function isZone({ name: directive, args }: Directive, name: string): boolean {
  return Object.hasOwn(zoneOf, directive) && zoneOf[directive]!(args) === name
}

/** `zone=name:size` among other parameters. */
function namedZone(args: readonly string[]): string | undefined {
  const parameter = args.find((arg) => arg.startsWith('zone='))
  return parameter?.slice('zone='.length).split(':', 1)[0]
}

/** `shared:name:size`, or the usual name. */
function sharedZone(parameter: string | undefined, usual: string): string | undefined {
  return parameter === undefined ? usual : /^shared:([^:]+)/.exec(parameter)?.[1]
}
