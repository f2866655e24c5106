/** `GET /api/v1/config/dyn_upstream` and `…/dyn_stream_upstream` (reference §1b, Annex B). */
import { findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import { parseNumber, parseTimeMs } from '../../conf/units.ts'
import { httpUpstream } from '../../upstream/directives.ts'
import type { Dump } from '../declaration.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { groupsOf, zoneOf } from '../group-index.ts'
import { type GroupKind, httpGroup, streamGroup } from '../instructions/upstream-group.ts'
import type { Schema } from '../operation.ts'

interface GroupDescription {
  readonly name: string
  readonly balance: string
  readonly zone: string
  readonly state: string
  readonly keepalive?: number
  readonly keepalive_requests?: number
  /** Times are in milliseconds. */
  readonly keepalive_timeout?: number
  readonly keepalive_time?: number
  readonly resolver: string
  readonly resolver_timeout: number
  readonly is_static: boolean
}

const texts = ['name', 'balance', 'zone', 'state', 'resolver']
const keepalive = ['keepalive', 'keepalive_requests', 'keepalive_timeout', 'keepalive_time']

const schema: Schema = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      ...Object.fromEntries(texts.map((name) => [name, { type: 'string' }])),
      ...Object.fromEntries(
        [...keepalive, 'resolver_timeout'].map((name) => [name, { type: 'integer' }]),
      ),
      is_static: { type: 'boolean', description: 'It stands in the files.' },
    },
  },
}

export const httpGroupDump: Dump = {
  key: 'dyn_upstream',
  schema,
  dump: (state) => dump(state, httpGroup),
}

export const streamGroupDump: Dump = {
  key: 'dyn_stream_upstream',
  schema,
  dump: (state) => dump(state, streamGroup),
}

function dump({ tree, instructions }: DynamicState, kind: GroupKind): readonly GroupDescription[] {
  const groups = [...groupsOf(tree, kind.subsystem).groups()].map((node) => {
    const name = node.args[0] ?? ''
    const is_static = !instructions.has(kind.keyOf(name))
    return { name, ...describe(node, kind), is_static }
  })
  return groups.sort((a, b) => a.name.localeCompare(b.name))
}

function describe(
  node: Directive,
  { subsystem }: GroupKind,
): Omit<GroupDescription, 'name' | 'is_static'> {
  const { directives: rows } = httpUpstream
  return {
    balance: balanceOf(node),
    zone: zoneOf(node) ?? '',
    state: argsOf(node, 'state'),
    ...(subsystem === 'http' && {
      keepalive: parseNumber(argsOf(node, 'keepalive')) ?? rows.keepalive.default,
      keepalive_requests:
        parseNumber(argsOf(node, 'keepalive_requests')) ?? rows.keepalive_requests.default,
      keepalive_timeout:
        parseTimeMs(argsOf(node, 'keepalive_timeout')) ?? rows.keepalive_timeout.default,
      keepalive_time: parseTimeMs(argsOf(node, 'keepalive_time')) ?? rows.keepalive_time.default,
    }),
    resolver: argsOf(node, 'resolver'),
    resolver_timeout:
      parseTimeMs(argsOf(node, 'resolver_timeout')) ?? rows.resolver_timeout.default,
  }
}

const methods = ['hash', 'ip_hash', 'least_conn', 'least_time', 'random']

function balanceOf({ block }: Directive): string {
  return methods.find((name) => findDirective(block, name) !== undefined) ?? 'round_robin'
}

function argsOf({ block }: Directive, name: string): string {
  return findDirective(block, name)?.args.join(' ') ?? ''
}
