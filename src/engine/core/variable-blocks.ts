/** Blocks that define variables (`map`, `geo`, `split_clients` …) among those of a context. */
import { type Block, type BlockDiff, emptyBlock } from '../conf/block.ts'
import { BlockMemo } from '../conf/block-memo.ts'
import type { Directive } from '../conf/tree.ts'
import { variableName } from './variable-scope.ts'

const others: ReadonlySet<string> = new Set(['server', 'upstream', 'match', 'types'])

function definesVariable({ name, block }: Directive): boolean {
  return block !== undefined && !others.has(name)
}

const none: readonly never[] = Object.freeze([])
const definers: BlockMemo<Directive> = new BlockMemo((node) =>
  definesVariable(node) ? [node] : none,
)

/** Its last argument. */
function definedVariable({ args }: Directive): string {
  const text = args.at(-1) ?? ''
  return text.startsWith('$') ? variableName(text).toLowerCase() : text
}

/** True when a block that defines a variable goes without another for the same one coming. */
export function losesDefinition({ removed, added }: BlockDiff): boolean {
  const gone = removed.filter(definesVariable)
  if (gone.length === 0) return false
  const come = new Set(added.filter(definesVariable).map(definedVariable))
  return gone.some((node) => !come.has(definedVariable(node)))
}

/**
 * True when blocks that define the same variable are others than before, or stand in another order: the
 * last one has it.
 */
export function changesRivals(before: Block = emptyBlock, after: Block = emptyBlock): boolean {
  const [old, now] = [definers.of(before), definers.of(after)]
  if (isSame(old, now)) return false
  return !isSame(rivals(old), rivals(now))
}

function rivals(nodes: readonly Directive[]): readonly Directive[] {
  const counts = new Map<string, number>()
  for (const node of nodes) {
    const name = definedVariable(node)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts.size === nodes.length
    ? none
    : nodes.filter((node) => counts.get(definedVariable(node))! > 1)
}

function isSame(a: readonly Directive[], b: readonly Directive[]): boolean {
  return a.length === b.length && a.every((node, i) => node === b[i])
}
