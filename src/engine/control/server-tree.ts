/** Path copying around a block of servers: the places of the tree that instructions change. */
import { type Block, indexOfDirective, splice } from '../conf/block.ts'
import { updateBlock } from '../conf/patch.ts'
import type { Directive } from '../conf/tree.ts'
import type { PersistentMap } from '../core/persistent-map.ts'
import type { Applied } from './instruction.ts'
import type { IndexedServer, Part, ServerIndex, SubsystemName } from './server-index.ts'

export function updateSubsystem(
  tree: Directive,
  subsystem: SubsystemName,
  change: (block: Block) => Block,
): Directive {
  return updateBlock(tree, [subsystem], change)
}

/** The tree with servers that came or went. */
export function withServers(
  applied: Applied,
  subsystem: SubsystemName,
  { index, change }: { readonly index: ServerIndex; readonly change: (block: Block) => Block },
): Applied {
  const tree = updateSubsystem(applied.tree, subsystem, change)
  return { ...pick(applied), tree, [subsystem]: index }
}

/** A block with one directive exchanged for another. */
export function exchange(block: Block, old: Directive, next: Directive): Block {
  return splice(block, indexOfDirective(block, old), 1, [next])
}

/** What a server becomes: its addresses and names stay. */
export interface Replacement {
  readonly server: IndexedServer
  readonly node: Directive
  readonly parts?: PersistentMap<Part>
}

/** The tree with another node for a server. */
export function replaceServerNode(
  applied: Applied,
  subsystem: SubsystemName,
  { server, node, parts }: Replacement,
): Applied {
  const { tree, [subsystem]: index } = applied
  return {
    ...pick(applied),
    tree: updateSubsystem(tree, subsystem, (block) => exchange(block, server.node, node)),
    [subsystem]: index.replace(server, node, parts),
  }
}

/** A transition is more than what it brings about. */
function pick({ tree, http, stream }: Applied): Applied {
  return { tree, http, stream }
}
