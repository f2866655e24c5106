/** What a request to add, change or take away a member comes to: edits of instructions. */
import type { DynamicState } from '../dynamic-state.ts'
import type { Edit } from '../instruction.ts'
import {
  type ChangeBody,
  type HeldBody,
  type HeldMember,
  httpMember,
  type MemberKind,
  streamMember,
} from '../instructions/upstream-member.ts'
import type { SubsystemName } from '../server-index.ts'
import { fromArgs, readServer, sameFields, serverText, toArgs } from './member-fields.ts'
import { MemberFault } from './member-fault.ts'
import { isName, type MemberSettings, newMember } from './member-request.ts'
import {
  hasResolver,
  takesBackups,
  type UpstreamMember,
  type UpstreamView,
} from './upstream-view.ts'

export interface MemberEdits {
  readonly edits: readonly Edit[]
  /** The member that came of it. */
  readonly member?: HeldMember
}

/** A change is worked out for a group as it is in a state. */
export interface Place {
  readonly upstream: UpstreamView
  readonly state: DynamicState
}

export function addition(place: Place, settings: MemberSettings): MemberEdits {
  const { upstream, state } = place
  const { server, service, backup, id = upstream.freeId } = settings
  const resolve = server !== undefined && isName(server, service)
  const fields = newMember(settings, resolve)
  if (resolve && !hasResolver(state.tree, upstream)) throw new MemberFault('UpstreamConfNoResolver')
  if (backup === true && !takesBackups(upstream)) throw new MemberFault('UpstreamNoBackup')
  const { members, roster } = upstream
  if (members.some((each) => each.id === id) || roster.changes.has(id)) {
    throw new MemberFault('EntryExists')
  }
  return put(place, { ...fields, id, was: undefined })
}

/** What is shown and cannot be changed may stand in the request if it is as it is. */
export function change(
  place: Place,
  member: UpstreamMember,
  settings: MemberSettings,
): MemberEdits {
  const { id, server, service, backup, parent, host, ...given } = settings
  refuseOthers({ id, service, backup }, member)
  refuseOthers({ parent, host }, {})
  const address = server === undefined ? member.server : newAddress(place, member, server)
  return put(place, { ...member, ...given, server: address })
}

export function removal(place: Place, member: UpstreamMember): MemberEdits {
  const { name, subsystem, members, state } = place.upstream
  const { id, was } = member
  if (state !== undefined)
    return hold(
      place,
      members.filter((each) => each.id !== id),
    )
  const body: ChangeBody | undefined = was && { upstream: name, id, was }
  const text = body === undefined ? null : JSON.stringify(body)
  return { edits: [{ key: kindFor(subsystem).keyOf(name, id), body: text }] }
}

function put(place: Place, { was, ...member }: UpstreamMember): MemberEdits {
  const { members, name, subsystem, state } = place.upstream
  if (state !== undefined) {
    const others = members.map((each) => (each.id === member.id ? member : each))
    const isNew = members.every(({ id }) => id !== member.id)
    return { ...hold(place, isNew ? [...others, member] : others), member }
  }
  const key = kindFor(subsystem).keyOf(name, member.id)
  const { id, ...fields } = member
  // A server of the files that is as they say needs no instruction.
  const isAsWas = was !== undefined && sameFields(fromArgs(was, subsystem), fields)
  const body: ChangeBody = { upstream: name, id, ...(was && { was }), ...fields }
  return { edits: [{ key, body: isAsWas ? null : JSON.stringify(body) }], member }
}

/** The one instruction of a group that keeps its members in a file. */
function hold({ upstream, state }: Place, members: readonly HeldMember[]): MemberEdits {
  const { name, subsystem } = upstream
  const key = kindFor(subsystem).keyOf(name, 'state')
  const before = state.instructions.get(key)
  const original =
    before === undefined ? upstream.members : (JSON.parse(before) as HeldBody).original
  const body: HeldBody = {
    upstream: name,
    state: upstream.state!,
    members: members.map(toHeld),
    original: original.map(toHeld),
  }
  return { edits: [{ key, body: JSON.stringify(body) }] }
}

function toHeld(member: HeldMember & { readonly was?: unknown }): HeldMember {
  const { was: _was, ...held } = member
  return held
}

/** A name stays as it is: what was found for it depends on it. */
function newAddress({ upstream }: Place, member: UpstreamMember, server: string): string {
  const config = readServer(toArgs(member), upstream.subsystem)
  if (server === config.text || server === serverText(config)) return member.server
  if (config.endpoint.family === 'name') throw new MemberFault('UpstreamServer Immutable')
  if (isName(server, undefined)) throw new MemberFault('DomainName')
  return server
}

function refuseOthers(
  given: Readonly<Record<string, unknown>>,
  actual: Readonly<Record<string, unknown>> | UpstreamMember,
): void {
  const known = actual as Readonly<Record<string, unknown>>
  const name = Object.keys(given).find(
    (each) => given[each] !== undefined && given[each] !== known[each],
  )
  if (name === undefined) return
  throw new MemberFault('UpstreamConfFormatError', `"${name}" cannot be changed`)
}

function kindFor(subsystem: SubsystemName): MemberKind {
  return subsystem === 'http' ? httpMember : streamMember
}
