/**
 * The members of an upstream group: what its block says, and the changes that instructions make to it.
 *
 * ```text
 *   original block       changes                          the group's block
 *   zone z 64k;          1 → server b weight=5 (was b)    zone z 64k;
 *   server a;      +     2 → nothing           (was c) =  server a;            id 0
 *   server b;            7 → server d                     server b weight=5;   id 1
 *   server c;                                             server d;            id 7
 * ```
 *
 * The block is always laid out anew from the original one, so that its order does not depend on the order in
 * which changes came: every process, whenever it started, balances over the same list. Servers of the block
 * itself are numbered from 0, past the numbers that changes have; a change keeps the number of its server.
 *
 * A group with `state file` is *held*: one instruction says all its members, and they stand in the block in
 * place of what the file says.
 */
import { blockOf, directives } from '../../conf/block.ts'
import { type Directive, directive, withArgs, withBlock } from '../../conf/tree.ts'
import { Refusal, replyCodes } from '../refusal.ts'

/** One member that was added, changed or taken away. */
export interface MemberChange {
  readonly id: number
  /** Arguments of the directive of the block that it stands for; absent for a member that was added. */
  readonly was?: readonly string[] | undefined
  /** Arguments of its directive; absent for a member that was taken away. */
  readonly args?: readonly string[] | undefined
}

export interface Member {
  readonly id: number
  readonly args: readonly string[]
  /** Arguments of the directive of the original block that it stands for. */
  readonly was?: readonly string[] | undefined
}

export interface Held {
  /** As `state` names it. */
  readonly file: string
  readonly members: readonly Member[]
}

export interface Roster {
  readonly original: Directive
  readonly changes: ReadonlyMap<number, MemberChange>
  readonly held: Held | undefined
}

type Entry = Directive | Member

/** Rosters that groups were laid out from. */
const rosters = new WeakMap<Directive, Roster>()

/**
 * The roster of a group in which those changes are in force. Where somebody else has written the group anew
 * since it was laid out, what it would be without them is worked out.
 */
export function rosterOf(
  group: Directive,
  changes: readonly MemberChange[],
  held: Held | undefined,
): Roster {
  const known = rosters.get(group)
  if (known !== undefined) return known
  const ordered = changes.toSorted((a, b) => a.id - b.id)
  const original = ordered.length === 0 ? group : withoutChanges(group, ordered)
  return { original, changes: new Map(ordered.map((change) => [change.id, change])), held }
}

/** The block of the group. Throws `Refusal` when a change is about a server that is not there. */
export function layOut(roster: Roster): Directive {
  const { original, changes, held } = roster
  if (changes.size === 0 && held === undefined) return original
  const nodes = entriesOf(roster).map((entry) => ('kind' in entry ? entry : nodeOf(entry)))
  const group = withBlock(original, blockOf(nodes))
  rosters.set(group, roster)
  return group
}

/** The members with their numbers, in the order of the block. */
export function membersOf(roster: Roster): readonly Member[] {
  return entriesOf(roster).filter((entry): entry is Member => !('kind' in entry))
}

/** A number that no member has, nor one that was taken away. */
export function freeId(roster: Roster): number {
  const ids = [...membersOf(roster).map(({ id }) => id), ...roster.changes.keys()]
  return Math.max(-1, ...ids) + 1
}

/** The file that the group's members are kept in, as `state` names it. */
export function stateOf({ original, held }: Roster): string | undefined {
  if (held !== undefined) return held.file
  for (const { name, args } of directives(original.block!)) if (name === 'state') return args[0]
  return undefined
}

function entriesOf(roster: Roster): readonly Entry[] {
  return roster.held === undefined
    ? changedEntries(roster)
    : heldEntries(roster.original, roster.held)
}

function heldEntries({ block }: Directive, { file, members }: Held): readonly Entry[] {
  const state = directive('state', [file, 'inline'])
  const nodes = [...directives(block!)].filter(({ name }) => name !== 'server')
  return nodes.flatMap((node) => (node.name === 'state' ? [state, ...members] : [node]))
}

function changedEntries({ original, changes }: Roster): readonly Entry[] {
  const ordered = [...changes.values()].sort((a, b) => a.id - b.id)
  const pending = ordered.filter(({ was }) => was !== undefined)
  const entries: Entry[] = []
  let behindServers = -1
  let nextId = 0
  for (const node of directives(original.block!)) {
    if (node.name !== 'server') {
      entries.push(node)
      continue
    }
    const at = pending.findIndex(({ was }) => sameWords(was!, node.args))
    if (at < 0) {
      while (changes.has(nextId)) nextId += 1
      entries.push({ id: nextId++, args: node.args, was: node.args })
    } else {
      const [change] = pending.splice(at, 1) as [MemberChange]
      if (change.args !== undefined) entries.push({ ...change, args: change.args })
    }
    behindServers = entries.length
  }
  if (pending.length > 0) throw missing(pending[0]!, original)
  const added = ordered.filter(({ was }) => was === undefined)
  const at = behindServers < 0 ? entries.length : behindServers
  return entries.toSpliced(at, 0, ...added.map(({ id, args }) => ({ id, args: args! })))
}

function missing({ was }: MemberChange, { args }: Directive): Refusal {
  const msg = `server "${was![0]}" is not in upstream "${args[0]}"`
  return new Refusal(replyCodes.failure, msg)
}

function nodeOf({ args }: Member): Directive {
  return directive('server', args)
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i])
}

/** What the block would be without the changes that are in force in it. */
function withoutChanges(group: Directive, changes: readonly MemberChange[]): Directive {
  const pending = [...changes]
  const nodes = [...directives(group.block!)].flatMap((node) => {
    if (node.name !== 'server') return [node]
    const at = pending.findIndex(({ args }) => args !== undefined && sameWords(args, node.args))
    if (at < 0) return [node]
    const [{ was }] = pending.splice(at, 1) as [MemberChange]
    return was === undefined ? [] : [withArgs(node, was)]
  })
  const gone = pending.flatMap(({ was }) => (was === undefined ? [] : [directive('server', was)]))
  return withBlock(group, blockOf([...nodes, ...gone]))
}
