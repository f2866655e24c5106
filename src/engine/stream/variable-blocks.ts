/** Blocks of the stream context that define variables: `map`, `geo`, `split_clients`. */
import type { Block } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import { variableName, type VariableScope } from '../core/variable-scope.ts'
import type { AnyStreamModule, VariableBlock } from './module.ts'

export type VariableBlocks = ReadonlyMap<string, VariableBlock>

export function variableBlocksOf(modules: readonly AnyStreamModule[]): VariableBlocks {
  return new Map(modules.flatMap(({ stream }) => Object.entries(stream.variableBlocks ?? {})))
}

/** Compiles the block when it is one that defines a variable. */
export function defineVariables(
  node: Directive,
  blocks: VariableBlocks,
  env: { readonly session: CompileSession; readonly variables: VariableScope },
): void {
  blocks.get(node.name)?.(node, env)
}

/** The variable that such a block defines: its last argument. */
export function definedVariable(node: Directive): string {
  const text = node.args.at(-1) ?? ''
  return text.startsWith('$') ? variableName(text).toLowerCase() : text
}

const memo = new WeakMap<Block, readonly Directive[]>()

/** The blocks of a block that are neither servers nor upstreams, in order; remembered per chunk. */
export function otherBlocksOf(block: Block): readonly Directive[] {
  const known = memo.get(block)
  if (known !== undefined) return known
  const found =
    block.kind === 'leaf'
      ? block.items.filter(
          ({ name, block: own }) => own !== undefined && name !== 'server' && name !== 'upstream',
        )
      : block.parts.flatMap(otherBlocksOf)
  memo.set(block, found)
  return found
}
