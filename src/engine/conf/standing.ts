/**
 * What stands together in a block: all simple directives of one name, or of names whose order among each
 * other counts, or the block of one name and arguments.
 *
 * ```text
 *   add_header A 1;       slot "add_header"
 *   location /a { … }     slot ["location","/a"]
 *   add_header B 2;       slot "add_header"
 *   deny all;             slot "allow"
 *   events { … }          slot "events"
 * ```
 *
 * Slots are remembered per leaf, so that looking one up costs a fraction of a block's size.
 */
import { type Block, itemAt, type Leaf } from './block.ts'
import { Note } from './block-note.ts'
import { type Directive, opensBlock } from './tree.ts'

/** Lists with lines of several names, by the names beside the one that they are known under. */
const lists: Readonly<Record<string, string>> = { deny: 'allow' }

/** The name under which a directive's list is known. */
export function listName(name: string): string {
  return Object.hasOwn(lists, name) ? lists[name]! : name
}

/** Equal for directives that stand together. */
export function slotOf(node: Directive): string {
  return opensBlock(node) ? slotFor(node.name, node.args) : listName(node.name)
}

/** The slot of a name with the arguments of its block; without any, that of simple directives too. */
export function slotFor(name: string, args: readonly string[]): string {
  return args.length === 0 ? listName(name) : JSON.stringify([name, ...args])
}

/** Positions in the block of all that stands in the slot, ascending. */
export function positionsOf(block: Block, slot: string): readonly number[] {
  const found: number[] = []
  collect(block, slot, 0, found)
  return found
}

/** All that stands in the slot, in order. */
export function standingIn(block: Block, slot: string): readonly Directive[] {
  return positionsOf(block, slot).map((position) => itemAt(block, position))
}

function collect(part: Block, slot: string, before: number, found: number[]): void {
  if (part.kind === 'leaf') {
    for (const position of slotsOf(part).get(slot) ?? []) found.push(before + position)
    return
  }
  let start = before
  for (const inner of part.parts) {
    collect(inner, slot, start, found)
    start += inner.size
  }
}

type Slots = ReadonlyMap<string, readonly number[]>

const memo = new Note<Slots>()

function slotsOf(leaf: Leaf): Slots {
  const known = memo.get(leaf)
  if (known !== undefined) return known
  const slots = new Map<string, number[]>()
  for (const [position, node] of leaf.items.entries()) {
    const slot = slotOf(node)
    const positions = slots.get(slot)
    if (positions === undefined) slots.set(slot, [position])
    else positions.push(position)
  }
  memo.set(leaf, slots)
  return slots
}
