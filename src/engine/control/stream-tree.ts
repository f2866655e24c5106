/** Path copying around the stream block: the one place of the tree that stream instructions change. */
import { type Block, indexOfDirective, splice } from '../conf/block.ts'
import { updateBlock } from '../conf/patch.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import type { Applied } from './instruction.ts'
import type { StreamServer } from './stream-index.ts'

export function updateStreamBlock(tree: Directive, change: (block: Block) => Block): Directive {
  return updateBlock(tree, ['stream'], change)
}

/** `parent` with one child exchanged for another. */
export function replaceIn(parent: Directive, old: Directive, next: Directive): Directive {
  return withBlock(parent, exchange(parent.block!, old, next))
}

/** A block with one directive exchanged for another. */
export function exchange(block: Block, old: Directive, next: Directive): Block {
  return splice(block, indexOfDirective(block, old), 1, [next])
}

/** The tree with one directive of a server exchanged. */
export function replaceServer(
  applied: Applied,
  server: StreamServer,
  old: Directive,
  next: Directive,
): Applied {
  return replaceServerNode(applied, server, replaceIn(server.node, old, next))
}

/** The tree with another node for a server whose addresses and names stay. */
export function replaceServerNode(
  { tree, index }: Applied,
  server: StreamServer,
  node: Directive,
): Applied {
  return {
    tree: updateStreamBlock(tree, (block) => exchange(block, server.node, node)),
    index: index.replace(server, node),
  }
}
