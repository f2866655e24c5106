/**
 * The tree with the orders of blocks put on it, the last thing that is done to it.
 *
 * ```text
 *   files ── instructions ──▶ tree as things came ── orders ──▶ tree that is served and shown
 * ```
 *
 * Blocks of which neither content nor order has changed are the same objects every time.
 */
import { blockOf, directives, indexOfDirective, splice } from '../conf/block.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import type { Applied } from './instruction.ts'
import { arranged, itemsOf, type OrderBody } from './order.ts'
import { isServerBlock, ownersOf, type PlaceStep } from './place.ts'

/** The orders at and below a block. */
interface Orders {
  readonly steps: readonly PlaceStep[]
  order: readonly string[]
  readonly below: Map<Directive, Orders>
}

export interface OrderedTree {
  readonly tree: Directive
  /** What blocks have become in it that have an order, or some with one within. */
  readonly heirs: ReadonlyMap<Directive, Directive>
}

export function orderedTree(applied: Applied, bodies: Iterable<string>): OrderedTree {
  const root: Orders = { steps: [], order: [], below: new Map() }
  for (const text of bodies) {
    const { steps, order } = JSON.parse(text) as OrderBody
    enter(root, ownersOf(applied, steps), { steps, order })
  }
  if (root.below.size === 0 && root.order.length === 0) {
    return { tree: applied.tree, heirs: new Map() }
  }
  const tree = ordered(applied, applied.tree, root)
  return { tree, heirs: new Map(heirsOf(applied.tree, root)) }
}

function* heirsOf(
  node: Directive,
  { below }: Orders,
): Generator<readonly [Directive, Directive], void, undefined> {
  yield [node, memo.get(node)!.node]
  for (const [child, orders] of below) yield* heirsOf(child, orders)
}

/** An order of a block that is not there has nothing to say. */
function enter(
  root: Orders,
  owners: readonly Directive[] | undefined,
  { steps, order }: OrderBody,
): void {
  if (owners === undefined) return
  let at = root
  for (const [depth, owner] of owners.slice(1).entries()) {
    const known = at.below.get(owner)
    const next = known ?? { steps: steps.slice(0, depth + 1), order: [], below: new Map() }
    at.below.set(owner, next)
    at = next
  }
  at.order = order
}

interface Known {
  readonly orders: string
  readonly node: Directive
}

const memo = new WeakMap<Directive, Known>()

function ordered(applied: Applied, node: Directive, orders: Orders): Directive {
  const text = textOf(orders)
  const known = memo.get(node)
  if (known?.orders === text) return known.node
  const inner = new Map<Directive, Directive>()
  for (const [child, below] of orders.below) inner.set(child, ordered(applied, child, below))
  const next =
    orders.order.length === 0
      ? exchanged(node, inner)
      : rearranged(applied, node, { orders, inner })
  memo.set(node, { orders: text, node: next })
  return next
}

function exchanged(node: Directive, inner: ReadonlyMap<Directive, Directive>): Directive {
  let block = node.block!
  for (const [child, next] of inner) {
    if (next !== child) block = splice(block, indexOfDirective(block, child), 1, [next])
  }
  return block === node.block ? node : withBlock(node, block)
}

interface Arrangement {
  readonly orders: Orders
  readonly inner: ReadonlyMap<Directive, Directive>
}

function rearranged(applied: Applied, node: Directive, { orders, inner }: Arrangement): Directive {
  const { steps, order } = orders
  const items = itemsOf(applied, steps, directives(node.block!))
  const wanted = arranged([...items.keys()], order).map((name) => items.get(name)!)
  const servers = wanted.filter((item) => isServerBlock(steps, item))
  const away = movedAmong(servers, [...items.values()])
  const text = JSON.stringify(order)
  const nodes = wanted.map((item) => {
    const next = inner.get(item) ?? item
    return away.has(item) ? another(next, text) : next
  })
  return withBlock(node, blockOf(nodes))
}

/** The fewest that have to change their places for the others to stand as they came. */
function movedAmong(
  nodes: readonly Directive[],
  came: readonly Directive[],
): ReadonlySet<Directive> {
  const places = new Map(came.map((node, place) => [node, place]))
  const kept = longestAscent(nodes.map((node) => places.get(node)!))
  return new Set(nodes.filter((_, i) => !kept.has(i)))
}

/** Positions of a longest ascending part of the list. */
function longestAscent(list: readonly number[]): ReadonlySet<number> {
  /** By length: position of the lowest number that such a part ends with. */
  const ends: number[] = []
  const previous: (number | undefined)[] = []
  for (const [i, value] of list.entries()) {
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (list[ends[middle]!]! < value) low = middle + 1
      else high = middle
    }
    previous.push(ends[low - 1])
    ends[low] = i
  }
  const found = new Set<number>()
  for (let i = ends.at(-1); i !== undefined; i = previous[i]) found.add(i)
  return found
}

interface Other {
  readonly order: string
  readonly node: Directive
}

const others = new WeakMap<Directive, Other>()

/**
 * The same server as another object: what is compiled goes by what comes and goes, and a server that moves
 * may become or cease to be the first of its addresses.
 */
function another(node: Directive, order: string): Directive {
  const known = others.get(node)
  if (known?.order === order) return known.node
  const next = withBlock(node, node.block!)
  others.set(node, { order, node: next })
  return next
}

function textOf({ order, below }: Orders): string {
  const inner = [...below].map(
    ([, orders]) => `${JSON.stringify(orders.steps.at(-1))}${textOf(orders)}`,
  )
  return `${JSON.stringify(order)}{${inner.join()}}`
}
