/**
 * Changed values of a `map` of the stream block: `/dyn/stream_dyn_map/m_<crc32>` (reference §1b, Annex B).
 *
 * The map itself stands in the files; an instruction replaces what is between its braces.
 */
import { type Block, blockOf, directives, findDirective } from '../../conf/block.ts'
import { type Directive, directive, withBlock } from '../../conf/tree.ts'
import type { InstructionKind } from '../instruction.ts'
import { readableWord, Refusal, replyCodes } from '../refusal.ts'
import { exchange, updateSubsystem } from '../server-tree.ts'

export interface MapBody {
  readonly keyFrom: string
  readonly keyTo: string
  readonly values: readonly { readonly valueFrom: string; readonly valueTo: string }[]
  readonly isVolatile?: boolean
  /** Spelt as the interface spells it. */
  readonly hosnames?: boolean
}

export const streamMap: InstructionKind = {
  topic: '/dyn/stream_dyn_map/',
  apply: ({ tree, http, stream, before, after, base }) => {
    const body = (after ?? before) as MapBody
    const node = findMap(tree, body)
    if (node === undefined) {
      throw new Refusal(replyCodes.failure, `keyTo ${body.keyTo} not found in conf`)
    }
    const next = after === undefined ? findMap(base.tree, body) : withValues(node, body)
    const change = (block: Block): Block => exchange(block, node, next ?? node)
    return { tree: updateSubsystem(tree, 'stream', change), http, stream }
  },
}

/** The map from that source to that variable. */
export function findMap(tree: Directive, { keyFrom, keyTo }: MapBody): Directive | undefined {
  for (const node of mapsOf(tree)) {
    if (node.args[0] === keyFrom && node.args[1] === keyTo) return node
  }
  return undefined
}

export function* mapsOf(tree: Directive): Generator<Directive, void, undefined> {
  const stream = findDirective(tree.block, 'stream')
  if (stream?.block === undefined) return
  for (const node of directives(stream.block)) if (node.name === 'map') yield node
}

/** The interface's form of a map, for its dump. */
export function describeMap(node: Directive): MapBody {
  const entries = [...directives(node.block!)]
  return {
    keyFrom: node.args[0] ?? '',
    keyTo: node.args[1] ?? '',
    values: entries
      .filter(({ args }) => args.length === 1)
      .map(({ name, args }) => ({ valueFrom: name, valueTo: args[0]! })),
    isVolatile: entries.some(({ name, args }) => name === 'volatile' && args.length === 0),
    hosnames: entries.some(({ name, args }) => name === 'hostnames' && args.length === 0),
  }
}

function withValues(node: Directive, body: MapBody): Directive {
  const parameters = [
    ...(body.isVolatile === true ? [directive('volatile')] : []),
    ...(body.hosnames === true ? [directive('hostnames')] : []),
  ]
  const values = body.values.map(({ valueFrom, valueTo }) =>
    directive(readableWord(valueFrom), [readableWord(valueTo)]),
  )
  return withBlock(node, blockOf([...parameters, ...values]))
}
