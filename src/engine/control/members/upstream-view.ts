/** Upstream groups as the API of members sees them: what their blocks say, with the numbers of members. */
import { resolve } from 'node:path'
import { directives, findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import { parseSize } from '../../conf/units.ts'
import { readState } from '../../upstream/state-file.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { groupsOf } from '../group-index.ts'
import { httpMember, rosterIn, streamMember } from '../instructions/upstream-member.ts'
import type { SubsystemName } from '../server-index.ts'
import { fromArgs, type MemberFields } from './member-fields.ts'
import { freeId, membersOf, type Roster, stateOf } from './roster.ts'

export interface UpstreamMember extends MemberFields {
  readonly id: number
  /** Arguments of the directive of the group's own block that it stands for. */
  readonly was: readonly string[] | undefined
}

export interface UpstreamView {
  readonly subsystem: SubsystemName
  readonly name: string
  readonly node: Directive
  readonly roster: Roster
  /** Where the peers' state is; a group without one is static. */
  readonly zone: { readonly name: string; readonly bytes: number } | undefined
  readonly members: readonly UpstreamMember[]
  /** Number for a member to come. */
  readonly freeId: number
  /** As `state` names it. */
  readonly state: string | undefined
}

export interface ViewOptions {
  readonly subsystem: SubsystemName
  /** Folder of relative paths. */
  readonly prefix: string
}

export function findUpstream(
  state: DynamicState,
  name: string,
  options: ViewOptions,
): UpstreamView | undefined {
  const node = groupsOf(state.tree, options.subsystem).find(name)
  return node && viewOf(state, node, options)
}

/** All groups with a zone, by name; each is read when it is its turn, for there may be many. */
export function* sharedUpstreams(
  state: DynamicState,
  options: ViewOptions,
): Generator<UpstreamView, void, undefined> {
  const nodes = [...groupsOf(state.tree, options.subsystem).groups()]
  for (const node of nodes.sort((a, b) => (a.args[0]! < b.args[0]! ? -1 : 1))) {
    const view = viewOf(state, node, options)
    if (view.zone !== undefined) yield view
  }
}

/** True when names of new members can be looked up: by the group's own name servers or those around. */
export function hasResolver(tree: Directive, { subsystem, node }: UpstreamView): boolean {
  const outer = findDirective(tree.block, subsystem)
  return [node, outer].some((place) => findDirective(place?.block, 'resolver') !== undefined)
}

const methodsWithoutBackups: ReadonlySet<string> = new Set(['hash', 'ip_hash', 'random'])

/** False where the group's method knows no backups. */
export function takesBackups({ node }: UpstreamView): boolean {
  return ![...directives(node.block!)].some(({ name }) => methodsWithoutBackups.has(name))
}

function viewOf(
  { tree, instructions, members: changes }: DynamicState,
  node: Directive,
  { subsystem, prefix }: ViewOptions,
): UpstreamView {
  const kind = subsystem === 'http' ? httpMember : streamMember
  const keys = changes.of(kind.prefixOf(node.args[0]!))
  const bodies = keys.map((key) => instructions.get(key)!)
  const roster = withState(
    rosterIn(
      node,
      bodies.map((body) => JSON.parse(body)),
    ),
    prefix,
  )
  const members = membersOf(roster).map(({ id, args, was }) => ({
    ...fromArgs(args, subsystem),
    id,
    was,
  }))
  const zone = zoneIn(tree, node)
  const state = stateOf(roster)
  const name = node.args[0]!
  return { subsystem, name, node, roster, zone, members, freeId: freeId(roster), state }
}

/** The roster with what the file of `state` holds, as long as no instruction says otherwise. */
function withState(roster: Roster, prefix: string): Roster {
  const state = findDirective(roster.original.block, 'state')
  if (roster.held !== undefined || state === undefined) return roster
  const [file = '', inline] = state.args
  const servers =
    inline === undefined
      ? readState(resolve(prefix, file))
      : [...directives(roster.original.block!)].filter(({ name }) => name === 'server')
  return { ...roster, held: { file, members: servers.map(({ args }, id) => ({ id, args })) } }
}

function zoneIn(tree: Directive, node: Directive): UpstreamView['zone'] {
  const zone = findDirective(node.block, 'zone')
  const [name, size] = zone?.args ?? []
  if (name === undefined) return undefined
  const bytes = parseSize(size ?? '') ?? sizeElsewhere(tree, name)
  return bytes === undefined ? undefined : { name, bytes }
}

/** Of groups that share a zone one may say its size for all. */
function sizeElsewhere(tree: Directive, name: string): number | undefined {
  for (const subsystem of ['http', 'stream'] as const) {
    for (const group of groupsOf(tree, subsystem).groups()) {
      const [other, size] = findDirective(group.block, 'zone')?.args ?? []
      if (other === name && size !== undefined) return parseSize(size)
    }
  }
  return undefined
}
