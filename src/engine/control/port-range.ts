/**
 * Ranges of ports that the system redirects to one port of ours: the `range` directive of the main context
 * (reference §1, row 37).
 *
 * ```text
 *   range type=tcp src_ports=10000:10010 dst_port=22222 family=ipv4;
 *   range iptables_path=/usr/sbin/iptables;
 * ```
 */
import { directives } from '../conf/block.ts'
import { ConfError } from '../conf/diagnostics.ts'
import { type Directive, directive } from '../conf/tree.ts'

export interface PortRange {
  readonly type: 'tcp' | 'udp'
  readonly family: 'ipv4' | 'ipv6'
  /** `10000` or `10000:10010`. */
  readonly src_ports: string
  readonly dst_port: number
}

/** What one `range` line says. */
export type RangeLine =
  | { readonly kind: 'range'; readonly range: PortRange }
  | { readonly kind: 'program'; readonly path: string }

const fields: ReadonlySet<string> = new Set(['type', 'src_ports', 'dst_port', 'family'])
const portMax = 65_535

/** @throws ConfError */
export function parseRangeLine(args: readonly string[]): RangeLine {
  const given = new Map(args.map(splitArgument))
  const path = given.get('iptables_path')
  if (path !== undefined && args.length === 1) {
    if (!path.startsWith('/')) throw new ConfError(`"iptables_path" must be an absolute path`)
    return { kind: 'program', path }
  }
  const unknown = [...given.keys()].find((name) => !fields.has(name))
  if (unknown !== undefined) throw new ConfError(`invalid parameter "${unknown}"`)
  if (given.size !== args.length) throw new ConfError('duplicate parameter in "range" directive')
  return { kind: 'range', range: toPortRange(Object.fromEntries(given)) }
}

/** A range from its fields, numbers as numbers or as text. @throws ConfError */
export function toPortRange(given: Readonly<Record<string, unknown>>): PortRange {
  const { type, family = 'ipv4', src_ports: source, dst_port: target } = given
  if (type !== 'tcp' && type !== 'udp') throw new ConfError('"type" must be "tcp" or "udp"')
  if (family !== 'ipv4' && family !== 'ipv6') {
    throw new ConfError('"family" must be "ipv4" or "ipv6"')
  }
  const port = parsePort(wordOf(target))
  if (port === undefined) throw new ConfError('"dst_port" must be a port from 1 to 65535')
  return { type, family, src_ports: toPorts(wordOf(source)), dst_port: port }
}

/** All ranges of a tree, and the program that makes them known to the system. */
export function rangesOf(tree: Directive): {
  readonly ranges: readonly PortRange[]
  readonly program: string | undefined
} {
  const lines = rangeNodes(tree).map(({ args }) => parseRangeLine(args))
  const program = lines.findLast((line) => line.kind === 'program')?.path
  return { ranges: lines.flatMap((line) => (line.kind === 'range' ? [line.range] : [])), program }
}

/** The line of a tree that says this range. */
export function findRange(tree: Directive, range: PortRange): Directive | undefined {
  return rangeNodes(tree).find(({ args }) => {
    const line = parseRangeLine(args)
    return line.kind === 'range' && isSameRange(line.range, range)
  })
}

export function rangeDirective({ type, src_ports, dst_port, family }: PortRange): Directive {
  return directive('range', [
    `type=${type}`,
    `src_ports=${src_ports}`,
    `dst_port=${dst_port}`,
    `family=${family}`,
  ])
}

export function isSameRange(a: PortRange, b: PortRange): boolean {
  return (
    a.type === b.type &&
    a.family === b.family &&
    a.src_ports === b.src_ports &&
    a.dst_port === b.dst_port
  )
}

function rangeNodes(tree: Directive): readonly Directive[] {
  return [...directives(tree.block!)].filter(({ name }) => name === 'range')
}

function splitArgument(argument: string): readonly [name: string, value: string] {
  const at = argument.indexOf('=')
  if (at < 0) throw new ConfError(`invalid parameter "${argument}"`)
  return [argument.slice(0, at), argument.slice(at + 1)]
}

function wordOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? `${value}` : ''
}

/** One way of writing each range, so that the same range is found again. */
function toPorts(text: string): string {
  const [first, last, ...rest] = text.split(':').map(parsePort)
  const single = !text.includes(':')
  const fine = first !== undefined && rest.length === 0 && (single || last !== undefined)
  if (!fine || first > (last ?? first)) {
    throw new ConfError('"src_ports" must be a port or two with ":" between, the lower first')
  }
  return last === undefined || last === first ? `${first}` : `${first}:${last}`
}

function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= portMax ? port : undefined
}
