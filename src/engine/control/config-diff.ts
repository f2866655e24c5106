/**
 * A whole configuration as a change of the one in force: only what differs is set.
 *
 * ```text
 *   in force   http ─┬ gzip on       wanted   http ─┬ gzip off      set   http > gzip
 *                    ├ server a               ├ server a
 *                    └ server b {x y}         └ server b {x z}      set   http > server b > y, z
 * ```
 *
 * Last comes the order of what stands in each block that differs: what was put in behind the others or has
 * changed its place is moved there (`control/order.ts`).
 */
import { directives } from '../conf/block.ts'
import { reconcile } from '../conf/reconcile.ts'
import { slotOf } from '../conf/standing.ts'
import type { Directive } from '../conf/tree.ts'
import { placeOf, setAt, setServer } from './config-patch.ts'
import { DoorFault } from './door-fault.ts'
import { type Draft, textOf } from './draft.ts'
import { itemNames, namesInOrder } from './order.ts'
import {
  findServer,
  formatPlace,
  isServerBlock,
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
  setOrder(draft, steps, wanted)
}

function setOrder(draft: Draft, steps: readonly PlaceStep[], wanted: Directive): void {
  const names = itemNames(draft.state.unordered, steps, wanted)
  const made = new Set(namesInOrder(draft.state, steps))
  const lost = names.find((name) => !made.has(name))
  if (lost !== undefined || made.size !== names.length) {
    const where = steps.length === 0 ? 'main' : formatPlace(placeAround(steps))
    throw new DoorFault(422, `what stands in ${where} cannot be set live: reload`)
  }
  draft.arrange(steps, names)
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

function placeAround(steps: readonly PlaceStep[]): Place {
  return { steps: steps.slice(0, -1), target: steps.at(-1)! }
}
