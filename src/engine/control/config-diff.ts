/**
 * A whole configuration as a change of the one in force: only what differs is set.
 *
 * ```text
 *   in force   http ─┬ gzip on       wanted   http ─┬ gzip off      set   http > gzip
 *                    ├ server a               ├ server a
 *                    └ server b {x y}         └ server b {x z}      set   http > server b > y, z
 * ```
 *
 * Directives of different names may stand in any order among each other. Where the order has a meaning and
 * cannot be had that way, the block around is set as a whole.
 */
import { blockOf, directives } from '../conf/block.ts'
import { reconcile } from '../conf/reconcile.ts'
import { slotOf } from '../conf/standing.ts'
import type { Directive } from '../conf/tree.ts'
import { isServerBlock, placeOf, setAt, setServer } from './config-patch.ts'
import { DoorFault } from './door-fault.ts'
import { type Draft, textOf } from './draft.ts'
import {
  findServer,
  formatPlace,
  isServerStep,
  ownersOf,
  type Place,
  type PlaceStep,
  serverStep,
} from './place.ts'

/** Makes the draft say what `wanted` says. */
export function setConfiguration(draft: Draft, wanted: Directive): void {
  setBlock(draft, [], reconcile(draft.state.tree, wanted))
}

function setBlock(draft: Draft, steps: readonly PlaceStep[], wanted: Directive): void {
  const now = ownersOf(draft.state, steps)!.at(-1)!
  if (now.block === wanted.block) return
  const slots = bySlot(draft, steps, wanted)
  for (const place of lostFrom(draft, steps, slots)) draft.set(place, [])
  for (const { place, nodes } of slots.values()) setSlot(draft, place, nodes)
  const made = ownersOf(draft.state, steps)!.at(-1)!
  if (inOrder(made, wanted)) return
  if (isSpine(steps)) {
    const where = steps.length === 0 ? 'main' : formatPlace(placeAround(steps))
    throw new DoorFault(422, `the order of what stands in ${where} cannot change live: reload`)
  }
  const place = placeAround(steps)
  draft.set(place, [wanted])
}

interface Slot {
  readonly place: Place
  readonly nodes: Directive[]
}

function bySlot(
  draft: Draft,
  steps: readonly PlaceStep[],
  wanted: Directive,
): ReadonlyMap<string, Slot> {
  const slots = new Map<string, Slot>()
  for (const node of directives(wanted.block!)) {
    const place = canonical(draft, placeOf(draft.state, steps, node))
    const key = isServerStep(place.target as PlaceStep)
      ? JSON.stringify(place.target)
      : slotOf(node)
    const slot = slots.get(key)
    if (slot === undefined) slots.set(key, { place, nodes: [node] })
    else if (isServerBlock(steps, node)) {
      throw new DoorFault(409, `${formatPlace(place)} stands there twice`)
    } else slot.nodes.push(node)
  }
  return slots
}

/** A server that is in force by the name that its places have. */
function canonical({ state }: Draft, place: Place): Place {
  const { steps, target } = place
  if (typeof target === 'string' || !isServerStep(target)) return place
  const server = findServer(state, steps, target)
  return server === undefined ? place : { steps, target: serverStep(server) }
}

/** Places of what stands in the block now and is not wanted. */
function lostFrom(
  { state }: Draft,
  steps: readonly PlaceStep[],
  slots: ReadonlyMap<string, Slot>,
): readonly Place[] {
  const lost = new Map<string, Place>()
  for (const node of directives(ownersOf(state, steps)!.at(-1)!.block!)) {
    const place = placeOf(state, steps, node)
    const key = isServerBlock(steps, node) ? JSON.stringify(place.target) : slotOf(node)
    if (!slots.has(key)) lost.set(key, place)
  }
  return [...lost.values()]
}

function setSlot(draft: Draft, place: Place, nodes: readonly Directive[]): void {
  const { steps } = place
  const target = place.target as PlaceStep
  const [node] = nodes
  const owner = ownersOf(draft.state, [...steps, target])?.at(-1)
  const inner = owner !== undefined && node?.block !== undefined && nodes.length === 1
  if (isServerStep(target)) {
    if (!inner || namesOf(owner) !== namesOf(node)) setServer(draft, { steps, target }, node!)
    else setBlock(draft, [...steps, target], node)
  } else if (inner && owner.script === undefined) setBlock(draft, [...steps, target], node)
  else setAt(draft, place, nodes)
}

/** What a server is found by. */
function namesOf({ block }: Directive): string {
  return textOf(
    [...directives(block!)].filter(({ name }) => name === 'listen' || name === 'server_name'),
  )
}

/** True when what is tried or done one after the other has the order that is wanted. */
function inOrder(made: Directive, wanted: Directive): boolean {
  return textOf([sorted(made)]) === textOf([sorted(wanted)]) && sameDefaults(made, wanted)
}

/** Directives that are done in the order in which they stand. */
const inSequence: ReadonlySet<string> = new Set(['set', 'if', 'rewrite', 'return', 'break'])

/** The same with what may stand in any order in one order. */
function sorted(node: Directive): Directive {
  if (node.block === undefined) return node
  const children = [...directives(node.block)].map((child) => {
    return { child: sorted(child), rank: rankOf(child) }
  })
  children.sort((a, b) => (a.rank < b.rank ? -1 : Number(a.rank > b.rank)))
  return { ...node, block: blockOf(children.map(({ child }) => child)) }
}

/** Of those with the same rank the order counts. */
function rankOf(node: Directive): string {
  if (inSequence.has(node.name)) return ''
  if (node.block === undefined || node.name === 'location') return node.name
  return `${node.name} ${node.name === 'server' ? namesOf(node) : node.args.join(' ')}`
}

/** Servers that get what is for no other one, and those whose names are tried one after the other. */
function sameDefaults(made: Directive, wanted: Directive): boolean {
  return JSON.stringify(firstServers(made)) === JSON.stringify(firstServers(wanted))
}

function firstServers({ block }: Directive): readonly string[] {
  const first = new Map<string, string>()
  const tried: string[] = []
  for (const node of directives(block!)) {
    if (node.name !== 'server' || node.block === undefined) continue
    const names = namesOf(node)
    for (const { name, args } of directives(node.block)) {
      if (name === 'listen' && !first.has(args[0]!)) first.set(args[0]!, names)
      if (name === 'server_name' && args.some((word) => word.startsWith('~'))) tried.push(names)
    }
  }
  return [...[...first].map(([listen, names]) => `${listen} ${names}`).sort(), ...tried]
}

/** `main`, `http` and `stream` are never set as a whole. */
function isSpine(steps: readonly PlaceStep[]): boolean {
  const [outer] = steps
  if (outer === undefined) return true
  return (
    steps.length === 1 && !isServerStep(outer) && (outer[0] === 'http' || outer[0] === 'stream')
  )
}

function placeAround(steps: readonly PlaceStep[]): Place {
  return { steps: steps.slice(0, -1), target: steps.at(-1)! }
}
