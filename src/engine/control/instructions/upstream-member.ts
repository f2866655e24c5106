/**
 * Members of upstream groups: `/ins/ups_peer/<group>/<id>`, `/ins/stream_ups_peer/<group>/<id>` (reference §1b).
 *
 * ```text
 *   {"upstream":"backend","id":7,"server":"10.0.0.1:80","weight":1,…}            was added
 *   {"upstream":"backend","id":1,"was":["10.0.0.2:80"],"server":"10.0.0.2:80",…}  of the files, was changed
 *   {"upstream":"backend","id":1,"was":["10.0.0.2:80"]}                           of the files, was taken away
 * ```
 *
 * A group with `state` has one instruction for all its members, `/ins/ups_peer/<group>/state`. While it is
 * in force it says who they are and the file is kept like it, for whoever starts without it; so no member is
 * there twice. When it is taken away the members are those that the file began with.
 *
 * ```text
 *   {"upstream":"backend","state":"servers.conf","members":[{"id":0,"server":…},…],"original":[…]}
 * ```
 */
import type { Directive } from '../../conf/tree.ts'
import { groupsOf } from '../group-index.ts'
import type { Applied, InstructionKind, Transition } from '../instruction.ts'
import { type MemberFields, toArgs } from '../members/member-fields.ts'
import {
  type Held,
  layOut,
  type Member,
  type MemberChange,
  type Roster,
  rosterOf,
} from '../members/roster.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import type { SubsystemName } from '../server-index.ts'
import { exchange, updateSubsystem } from '../server-tree.ts'

export interface ChangeBody extends Partial<MemberFields> {
  readonly upstream: string
  readonly id: number
  readonly was?: readonly string[]
}

export interface HeldMember extends MemberFields {
  readonly id: number
}

export interface HeldBody {
  readonly upstream: string
  readonly state: string
  readonly members: readonly HeldMember[]
  readonly original: readonly HeldMember[]
}

type MemberBody = ChangeBody | HeldBody

export interface MemberKind extends InstructionKind {
  readonly subsystem: SubsystemName
  /** How the keys of a group's members begin. */
  prefixOf(group: string): string
  keyOf(group: string, id: number | 'state'): string
}

/** End of the keys of groups that keep their members in a file. */
const heldSuffix = '/state'

export const httpMember: MemberKind = defineMember('http', '/ins/ups_peer/')

export const streamMember: MemberKind = defineMember('stream', '/ins/stream_ups_peer/')

function defineMember(subsystem: SubsystemName, topic: string): MemberKind {
  const prefixOf = (group: string): string => `${topic}${encodeURIComponent(group)}/`
  return Object.freeze<MemberKind>({
    subsystem,
    topic,
    prefixOf,
    keyOf: (group, id) => `${prefixOf(group)}${id}`,
    apply: (transition) => applyTo(transition, subsystem, prefixOf),
    identify: (body) => {
      const { upstream, ...rest } = body as MemberBody
      return 'id' in rest ? { upstream, id: rest.id } : { upstream }
    },
  })
}

/** How the keys of the group begin that the key of a member belongs to; none for keys of other kinds. */
export function groupsOfMember(key: string): readonly string[] {
  const isMember = [httpMember, streamMember].some(({ topic }) => key.startsWith(topic))
  return isMember ? [key.slice(0, key.lastIndexOf('/') + 1)] : []
}

/** The group whose members are all said by the instruction of that key; `undefined` for any other key. */
export function heldGroupOf(
  key: string,
): { readonly subsystem: SubsystemName; readonly name: string } | undefined {
  const kind = [httpMember, streamMember].find(({ topic }) => key.startsWith(topic))
  if (kind === undefined || !key.endsWith(heldSuffix)) return undefined
  const name = decodeURIComponent(key.slice(kind.topic.length, -heldSuffix.length))
  return { subsystem: kind.subsystem, name }
}

/** The roster of a group, with the instructions in force for it. */
export function rosterIn(group: Directive, bodies: readonly unknown[]): Roster {
  const all = bodies as readonly MemberBody[]
  const held = all.find(isHeld)
  const changes = all.filter((body): body is ChangeBody => !isHeld(body)).map(toChange)
  return rosterOf(group, changes, held && toRosterHeld(held, held.members))
}

function applyTo(
  transition: Transition,
  subsystem: SubsystemName,
  prefixOf: (group: string) => string,
): Applied {
  const { tree, http, stream, members, bodyOf } = transition
  const body = (transition.after ?? transition.before) as MemberBody
  const { upstream } = body
  const group = groupsOf(tree, subsystem).find(upstream)
  if (group === undefined) {
    // It went with all its members.
    if (transition.after === undefined) return { tree, http, stream }
    throw new Refusal(replyCodes.failure, `no upstream "${upstream}"`)
  }
  const bodies = members.of(prefixOf(upstream)).map(bodyOf)
  const next = layOut(changed(rosterIn(group, bodies), body, transition.after === undefined))
  if (next === group) return { tree, http, stream }
  const changedTree = updateSubsystem(tree, subsystem, (block) => exchange(block, group, next))
  return { tree: changedTree, http, stream }
}

function changed(roster: Roster, body: MemberBody, isGone: boolean): Roster {
  if (isHeld(body)) {
    return { ...roster, held: toRosterHeld(body, isGone ? body.original : body.members) }
  }
  const changes = new Map(roster.changes)
  if (isGone) changes.delete(body.id)
  else changes.set(body.id, toChange(body))
  return { ...roster, changes }
}

function toRosterHeld({ state }: HeldBody, members: readonly HeldMember[]): Held {
  return { file: state, members: members.map(toMember) }
}

function isHeld(body: MemberBody): body is HeldBody {
  return 'state' in body
}

function toMember({ id, ...fields }: HeldMember): Member {
  return { id, args: toArgs(fields) }
}

function toChange(body: ChangeBody): MemberChange {
  const { upstream: _upstream, id, was, ...fields } = body
  const args = fields.server === undefined ? undefined : toArgs(fields as MemberFields)
  return { id, was, args }
}
