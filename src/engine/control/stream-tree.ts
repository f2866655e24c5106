/** Path copying around the stream block: the one place of the tree that stream instructions change. */
import { type Block, findDirective, indexOfDirective, splice } from '../conf/block.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import type { Applied } from './instruction.ts'
import type { StreamServer } from './stream-index.ts'

export function updateStreamBlock(tree: Directive, change: (block: Block) => Block): Directive {
  const stream = findDirective(tree.block, 'stream')!
  return replaceIn(tree, stream, withBlock(stream, change(stream.block!)))
}

/** `parent` with one child exchanged for another. */
export function replaceIn(parent: Directive, old: Directive, next: Directive): Directive {
  const at = indexOfDirective(parent.block!, old)
  return withBlock(parent, splice(parent.block!, at, 1, [next]))
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
  const stream = findDirective(tree.block, 'stream')!
  return {
    tree: replaceIn(tree, stream, replaceIn(stream, server.node, node)),
    index: index.replace(server, node),
  }
}
