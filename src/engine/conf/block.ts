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
import type { Directive } from './tree.ts'

const fanout = 32

export interface Leaf {
  readonly kind: 'leaf'
  readonly size: number
  readonly items: readonly Directive[]
}

export interface Branch {
  readonly kind: 'branch'
  readonly size: number
  readonly parts: readonly Block[]
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
  return Object.freeze({ kind: 'leaf', size: items.length, items: Object.freeze(items) })
}

function branch(parts: readonly Block[]): Block {
  if (parts.length === 1) return parts[0]!
  let size = 0
  for (const part of parts) size += part.size
  return Object.freeze({ kind: 'branch', size, parts: Object.freeze(parts) })
}

/** Builds a block from a list. */
export function blockOf(items: readonly Directive[]): Block {
  if (items.length <= fanout) return leaf([...items])
  let level: Block[] = []
  for (let i = 0; i < items.length; i += fanout) level.push(leaf(items.slice(i, i + fanout)))
  while (level.length > 1) {
    const above: Block[] = []
    for (let i = 0; i < level.length; i += fanout) above.push(branch(level.slice(i, i + fanout)))
    level = above
  }
  return level[0]!
}

/** Every directive in order. */
export function* directives(block: Block): Generator<Directive, void, undefined> {
  if (block.kind === 'leaf') yield* block.items
  else for (const part of block.parts) yield* directives(part)
}

/** The first directive of that name, or `undefined`. */
export function findDirective(block: Block | undefined, name: string): Directive | undefined {
  if (block === undefined) return undefined
  for (const node of directives(block)) if (node.name === name) return node
  return undefined
}

/** Position of that very object, or -1. */
export function indexOfDirective(block: Block, node: Directive): number {
  if (block.kind === 'leaf') return block.items.indexOf(node)
  let before = 0
  for (const part of block.parts) {
    const index = indexOfDirective(part, node)
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
  const parts = spliceParts(block, index, remove, nodes).filter((part) => part.size > 0)
  if (parts.length === 0) return emptyBlock
  return parts.length === 1 ? parts[0]! : branch(parts)
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

/** What differs between two versions of a block; shared subtrees are passed over whole. */
export function diffBlocks(before: Block, after: Block): BlockDiff {
  const removed: Directive[] = []
  const added: Directive[] = []
  collectDiff([before], [after], removed, added)
  const kept = new Set(removed)
  const moved = new Set<Directive>()
  for (const node of added) if (kept.has(node)) moved.add(node)
  if (moved.size === 0) return { removed, added }
  return {
    removed: removed.filter((node) => !moved.has(node)),
    added: added.filter((node) => !moved.has(node)),
  }
}

/** Leaves out what both share, opens the rest one level, and goes on. */
function collectDiff(
  before: readonly Block[],
  after: readonly Block[],
  removed: Directive[],
  added: Directive[],
): void {
  const inBefore = new Set<Block>(before)
  const inAfter = new Set<Block>(after)
  const left = before.filter((part) => !inAfter.has(part))
  const right = after.filter((part) => !inBefore.has(part))
  if (left.every(isLeaf) && right.every(isLeaf)) {
    const old = left.flatMap((part) => (part as Leaf).items)
    const fresh = right.flatMap((part) => (part as Leaf).items)
    const inOld = new Set(old)
    const inFresh = new Set(fresh)
    removed.push(...old.filter((node) => !inFresh.has(node)))
    added.push(...fresh.filter((node) => !inOld.has(node)))
    return
  }
  collectDiff(left.flatMap(open), right.flatMap(open), removed, added)
}

function isLeaf(block: Block): boolean {
  return block.kind === 'leaf'
}

function open(block: Block): readonly Block[] {
  return block.kind === 'leaf' ? [block] : block.parts
}
