/**
 * The order of what stands in a block, where it is not the one in which things came.
 *
 * An order names what stands in the block when it is set, and is put on top of everything else: what it
 * names stands in that order, and behind it what has come since.
 *
 * ```text
 *   stands   location ~ x   location ~ y   expires 1h     order   location,~,y  location,~,x  expires
 *   shown    location ~ y   location ~ x   expires 1h
 * ```
 *
 * Directives are named as in the keys of places; the second and later ones of a name have a number. These
 * never change places among each other: what stands in a list says so itself.
 */
import { isDeepStrictEqual } from 'node:util'
import { directives } from '../conf/block.ts'
import { listName } from '../conf/standing.ts'
import { type Directive, opensBlock } from '../conf/tree.ts'
import type { Applied, Edit, Instructions } from './instruction.ts'
import {
  type BlockStep,
  isServerBlock,
  orderTopic,
  ownersOf,
  pathOf,
  type PlaceStep,
  segmentOf,
  serverStep,
  subsystemOf,
} from './place.ts'

export interface OrderBody {
  /** The way to the block. */
  readonly steps: readonly PlaceStep[]
  /** What stands there, by name. */
  readonly order: readonly string[]
}

/** What a dynamic state knows of orders. */
interface OrderedState {
  readonly unordered: Applied
  readonly instructions: Instructions
}

/** Stands for the root, which no directive can be called. */
const rootName = 'main'

/** The edit after which what stands in the block has that order. */
export function orderEdit(
  steps: readonly PlaceStep[],
  {
    standing,
    wanted,
  }: { readonly standing: readonly string[]; readonly wanted: readonly string[] },
): Edit {
  const key = orderKey(steps)
  if (isDeepStrictEqual(arranged(standing, wanted), standing)) return { key, body: null }
  const body: OrderBody = { steps, order: wanted }
  return { key, body: JSON.stringify(body) }
}

export function orderKey(steps: readonly PlaceStep[]): string {
  return orderTopic + (steps.length === 0 ? rootName : pathOf(steps))
}

/** The directives of a block by their names in orders. */
export function itemsOf(
  applied: Applied,
  steps: readonly PlaceStep[],
  nodes: Iterable<Directive>,
): Map<string, Directive> {
  const counts = new Map<string, number>()
  const items = new Map<string, Directive>()
  for (const node of nodes) {
    const name = nameOf(applied, steps, node)
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    // A blank stands in no segment.
    items.set(count === 1 ? name : `${name} ${count}`, node)
  }
  return items
}

const nameOfNode = new WeakMap<Directive, string>()

function nameOf(applied: Applied, steps: readonly PlaceStep[], node: Directive): string {
  const known = nameOfNode.get(node)
  if (known !== undefined) return known
  const name = segmentOf(stepOf(applied, steps, node))
  nameOfNode.set(node, name)
  return name
}

function stepOf(applied: Applied, steps: readonly PlaceStep[], node: Directive): PlaceStep {
  if (!isServerBlock(steps, node)) return blockStep(node)
  const index = applied[subsystemOf(steps)!]
  const described = index.describe(node)
  const [address] = described.addresses
  if (address === undefined) return blockStep(node)
  // It may be known by another of its addresses and names.
  const server = index.find(address, described.names[0]!) ?? described
  return serverStep(server)
}

function blockStep(node: Directive): BlockStep {
  return opensBlock(node) ? [node.name, ...node.args] : [listName(node.name)]
}

export function itemNames(
  applied: Applied,
  steps: readonly PlaceStep[],
  owner: Directive,
): readonly string[] {
  return [...itemsOf(applied, steps, directives(owner.block!)).keys()]
}

/** The same as they stand in the end; none where there is no such block. */
export function namesInOrder(
  { unordered, instructions }: OrderedState,
  steps: readonly PlaceStep[],
): readonly string[] {
  const owner = ownersOf(unordered, steps)?.at(-1)
  if (owner === undefined) return []
  const names = itemNames(unordered, steps, owner)
  const body = instructions.get(orderKey(steps))
  return body === undefined ? names : arranged(names, (JSON.parse(body) as OrderBody).order)
}

/** The names in that order; those that it does not name come last. */
export function arranged(names: readonly string[], order: readonly string[]): readonly string[] {
  const left = new Set(names)
  return [...order.filter((name) => left.delete(name)), ...left]
}
