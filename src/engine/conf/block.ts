/**
 * The children of a block: a persistent sequence of directives.
 *
 * A plain array would make every change copy all siblings: one virtual server among 100,000 would cost
 * 100,000 pointers. This is a B-tree by position instead; a change copies one path of small nodes.
 *
 * ```text
 *            Branch size=70
 *           /      |       \
 *     Leaf(32)  Leaf(32)  Leaf(6)        a change to one leaf makes a new leaf and a new root;
 *                                         the other leaves are the same objects in both versions
 * ```
 *
 * Leaves and branches hold at most `fanout` entries. Two versions are compared by identity, whole
 * subtrees at a time, so a diff costs what the change cost.
 */
import { Notable, Note } from './block-note.ts'
import type { Directive } from './tree.ts'

const fanout = 32

export class Leaf extends Notable {
  readonly kind = 'leaf'
  readonly size: number
  /** Levels below this one. */
  readonly height = 0
  readonly items: readonly Directive[]

  constructor(items: readonly Directive[]) {
    super()
    this.size = items.length
    this.items = Object.freeze(items)
    Object.freeze(this)
  }
}

export class Branch extends Notable {
  readonly kind = 'branch'
  readonly size: number
  /** Levels below this one, along the longest way: removals leave parts of different heights. */
  readonly height: number
  readonly parts: readonly Block[]

  constructor(parts: readonly Block[]) {
    super()
    this.size = parts.reduce((size, part) => size + part.size, 0)
    this.height = tallest(parts) + 1
    this.parts = Object.freeze(parts)
    Object.freeze(this)
  }
}

export type Block = Leaf | Branch

export interface BlockDiff {
  /** Directives of the old version that the new one does not hold, in order. */
  readonly removed: readonly Directive[]
  /** Directives of the new version that the old one does not hold, in order. */
  readonly added: readonly Directive[]
}

export const emptyBlock: Block = leaf([])

function leaf(items: readonly Directive[]): Leaf {
  return new Leaf(items)
}

function branch(parts: readonly Block[]): Block {
  return parts.length === 1 ? parts[0]! : new Branch(parts)
}

/** Builds a block from a list. */
export function blockOf(items: readonly Directive[]): Block {
  if (items.length <= fanout) return leaf([...items])
  const leaves: Block[] = []
  for (let i = 0; i < items.length; i += fanout) leaves.push(leaf(items.slice(i, i + fanout)))
  return root(leaves)
}

/** One block over all parts, with as many levels as they need. */
function root(parts: readonly Block[]): Block {
  let level = parts
  while (level.length > 1) level = chunk(level, branch)
  return level[0] ?? emptyBlock
}

/** Every directive in order. */
export function directives(block: Block): Iterable<Directive> {
  return block.kind === 'leaf' ? block.items : inOrder(block)
}

function* inOrder(block: Block): Generator<Directive, void, undefined> {
  const ahead = [block]
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part.kind === 'leaf') for (const node of part.items) yield node
    else for (let i = part.parts.length - 1; i >= 0; i--) ahead.push(part.parts[i]!)
  }
}

/** The first directive of that name, or `undefined`. */
export function findDirective(block: Block | undefined, name: string): Directive | undefined {
  if (block === undefined) return undefined
  for (const node of directives(block)) if (node.name === name) return node
  return undefined
}

/** The directive at that position. */
export function itemAt(block: Block, index: number): Directive {
  let part = block
  let rest = index
  while (part.kind === 'branch') {
    const inner = part.parts.find(({ size }) => {
      if (rest < size) return true
      rest -= size
      return false
    })
    if (inner === undefined) break
    part = inner
  }
  const node = part.kind === 'leaf' ? part.items[rest] : undefined
  if (node === undefined) throw new RangeError(`no item ${index} in a block of ${block.size}`)
  return node
}

/** Position of that very object, or -1. */
export function indexOfDirective(block: Block, node: Directive): number {
  if (block.kind === 'leaf') return block.items.indexOf(node)
  // Numbers what is new in the block, the directive that is looked for among it.
  spanOf(block)
  const number = numbers.get(node)
  return number === undefined ? -1 : indexWithin(block, node, number)
}

/**
 * Directives of blocks that are searched have numbers, in the order in which they came: mostly that is the
 * order in which they stand, so that few parts can hold a given one.
 *
 * ```text
 *   Branch ┬ Leaf 1…32
 *          ├ Leaf 33…64      number 70 is looked for here ┐
 *          └ Leaf 65…70  ◀────────────────────────────────┘
 * ```
 */
const numbers = new WeakMap<Directive, number>()
let lastNumber = 0

/** The lowest and the highest number below a part. */
interface Span {
  readonly low: number
  readonly high: number
}

const spans = new Note<Span>()

function spanOf(block: Block): Span {
  const known = spans.get(block)
  if (known !== undefined) return known
  const below = block.kind === 'leaf' ? block.items.map(spanOfOne) : block.parts.map(spanOf)
  const span = {
    low: Math.min(...below.map(({ low }) => low)),
    high: Math.max(...below.map(({ high }) => high)),
  }
  spans.set(block, span)
  return span
}

function spanOfOne(node: Directive): Span {
  const number = numberOf(node)
  return { low: number, high: number }
}

function numberOf(node: Directive): number {
  const known = numbers.get(node)
  if (known !== undefined) return known
  numbers.set(node, ++lastNumber)
  return lastNumber
}

/** Whoever takes a place takes its number, so that exchanges leave the order as it is. */
export function handOn(before: Directive, after: Directive): void {
  if (!numbers.has(after)) numbers.set(after, numberOf(before))
}

/** The same for two directives when one was put in the other's place; `undefined` where none ever was. */
export function placeNumber(node: Directive): number | undefined {
  return numbers.get(node)
}

/** Position of that very object or of what was put in its place since, or -1. */
export function indexOfHeir(block: Block, node: Directive): number {
  const index = indexOfDirective(block, node)
  const number = numbers.get(node)
  if (index >= 0 || number === undefined) return index
  spanOf(block)
  return searchWithin(block, number, (other) => numbers.get(other) === number)
}

function indexWithin(block: Block, node: Directive, number: number): number {
  return searchWithin(block, number, (other) => other === node)
}

function searchWithin(block: Block, number: number, isIt: (node: Directive) => boolean): number {
  if (block.kind === 'leaf') return block.items.findIndex(isIt)
  let before = 0
  for (const part of block.parts) {
    const { low, high } = spanOf(part)
    const index = low <= number && number <= high ? searchWithin(part, number, isIt) : -1
    if (index >= 0) return before + index
    before += part.size
  }
  return -1
}

/** A block with `nodes` in place of the `remove` directives from `index` on. */
export function splice(
  block: Block,
  index: number,
  remove: number,
  nodes: readonly Directive[],
): Block {
  if (index < 0 || remove < 0 || index + remove > block.size) {
    throw new RangeError(`splice(${index}, ${remove}) of a block of ${block.size}`)
  }
  return root(spliceParts(block, index, remove, nodes))
}

export function append(block: Block, node: Directive): Block {
  return splice(block, block.size, 0, [node])
}

/** The result of a splice one level down: one part normally, several when a node has grown too large. */
function spliceParts(
  block: Block,
  index: number,
  remove: number,
  nodes: readonly Directive[],
): readonly Block[] {
  if (block.kind === 'leaf') {
    if (nodes.length === remove) nodes.forEach((node, i) => handOn(block.items[index + i]!, node))
    const items = [...block.items.slice(0, index), ...nodes, ...block.items.slice(index + remove)]
    return chunk(items, leaf)
  }
  const parts: Block[] = []
  let before = 0
  let placed = nodes.length === 0
  for (const [i, part] of block.parts.entries()) {
    const from = Math.max(index - before, 0)
    const to = Math.min(index + remove - before, part.size)
    const last = i === block.parts.length - 1
    const here = !placed && index - before <= part.size && (index - before < part.size || last)
    if (here || to > from) {
      parts.push(
        ...spliceParts(part, Math.min(from, part.size), Math.max(to - from, 0), here ? nodes : []),
      )
      placed ||= here
    } else parts.push(part)
    before += part.size
  }
  return chunk(
    parts.filter((part) => part.size > 0),
    branch,
  )
}

/** Cuts an overfull list into even nodes, so that neighbours keep room to grow. */
function chunk<T>(list: readonly T[], build: (part: readonly T[]) => Block): readonly Block[] {
  if (list.length === 0) return []
  if (list.length <= fanout) return [build(list)]
  const pieces = Math.ceil(list.length / fanout)
  const size = Math.ceil(list.length / pieces)
  const out: Block[] = []
  for (let i = 0; i < list.length; i += size) out.push(build(list.slice(i, i + size)))
  return out
}

/**
 * What differs between two versions of a block. A directive that only moved is neither removed nor added.
 *
 * Both versions are opened level by level, from the taller one down; a part that both hold is left out
 * whole wherever it meets itself.
 */
export function diffBlocks(before: Block, after: Block): BlockDiff {
  let old: readonly Block[] = [before]
  let fresh: readonly Block[] = [after]
  for (;;) {
    const left = without(old, new Set(fresh))
    const right = without(fresh, new Set(old))
    const height = Math.max(tallest(left), tallest(right))
    if (height === 0) return diffItems(left.flatMap(itemsOf), right.flatMap(itemsOf))
    old = left.flatMap((part) => openAt(part, height))
    fresh = right.flatMap((part) => openAt(part, height))
  }
}

function diffItems(old: readonly Directive[], fresh: readonly Directive[]): BlockDiff {
  return { removed: without(old, new Set(fresh)), added: without(fresh, new Set(old)) }
}

function without<T>(list: readonly T[], others: ReadonlySet<T>): readonly T[] {
  return list.filter((item) => !others.has(item))
}

function openAt(part: Block, height: number): readonly Block[] {
  return part.kind === 'branch' && part.height === height ? part.parts : [part]
}

function itemsOf(part: Block): readonly Directive[] {
  return part.kind === 'leaf' ? part.items : []
}

function tallest(parts: readonly Block[]): number {
  let height = 0
  for (const part of parts) height = Math.max(height, part.height)
  return height
}

/** True when those directives are the last of the block, in that order. */
export function endsWith(block: Block, nodes: readonly Directive[]): boolean {
  let left = nodes.length
  const walk = (part: Block): boolean => {
    if (part.kind === 'branch')
      return part.parts.toReversed().every((below) => left === 0 || walk(below))
    for (let i = part.items.length - 1; i >= 0 && left > 0; i--) {
      if (part.items[i] !== nodes[left - 1]) return false
      left -= 1
    }
    return true
  }
  return walk(block)
}
