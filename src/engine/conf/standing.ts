/**
 * What stands together in a block: all simple directives of one name, or the block of one name and arguments.
 *
 * ```text
 *   add_header A 1;       slot "add_header"
 *   location /a { … }     slot ["location","/a"]
 *   add_header B 2;       slot "add_header"
 *   events { … }          slot "events"
 * ```
 *
 * Slots are remembered per leaf, so that looking one up costs a fraction of a block's size.
 */
import { type Block, itemAt } from './block.ts'
import { type Directive, opensBlock } from './tree.ts'

/** Equal for directives that stand together. */
export function slotOf(node: Directive): string {
  return opensBlock(node) ? slotFor(node.name, node.args) : node.name
}

/** The slot of a name with the arguments of its block; without any, that of simple directives too. */
export function slotFor(name: string, args: readonly string[]): string {
  return args.length === 0 ? name : JSON.stringify([name, ...args])
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

const memo = new WeakMap<Block, Slots>()

function slotsOf(leaf: Extract<Block, { kind: 'leaf' }>): Slots {
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
