/**
 * A range of ports that was added or taken away live: `/ins/range/l_<crc32>` (reference §1b).
 *
 * What the files say can be taken away too: its instruction then says `del`, and stays.
 */
import { append, indexOfDirective, splice } from '../../conf/block.ts'
import { type Directive, withBlock } from '../../conf/tree.ts'
import type { InstructionKind } from '../instruction.ts'
import { findRange, type PortRange, rangeDirective } from '../port-range.ts'
import { Refusal, replyCodes } from '../refusal.ts'

export interface PortRangeBody extends PortRange {
  readonly action: 'add' | 'del'
}

export const portRange: InstructionKind = {
  topic: '/ins/range/',
  apply: ({ before, after, base, tree, http, stream }) => {
    const cleared = before === undefined ? tree : undo(tree, before as PortRangeBody, base.tree)
    const next = after === undefined ? cleared : make(cleared, after as PortRangeBody)
    return { tree: next, http, stream }
  },
  identify: (body) => {
    const { type, src_ports, dst_port, family } = body as PortRangeBody
    return { type, src_ports, dst_port, family }
  },
}

function make(tree: Directive, body: PortRangeBody): Directive {
  const found = findRange(tree, body)
  if (body.action === 'del') {
    if (found === undefined) throw new Refusal(replyCodes.failure, ' rule is not found')
    return without(tree, found)
  }
  if (found !== undefined) throw new Refusal(replyCodes.failure, ' rule has exist')
  return withBlock(tree, append(tree.block!, rangeDirective(body)))
}

function undo(tree: Directive, body: PortRangeBody, files: Directive): Directive {
  if (body.action === 'add') {
    const found = findRange(tree, body)
    return found === undefined ? tree : without(tree, found)
  }
  const original = findRange(files, body)
  return original === undefined ? tree : withBlock(tree, append(tree.block!, original))
}

function without(tree: Directive, node: Directive): Directive {
  return withBlock(tree, splice(tree.block!, indexOfDirective(tree.block!, node), 1, []))
}
