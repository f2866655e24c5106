/** Blocks of the stream context that define variables: `map`, `geo`, `split_clients`. */
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import type { VariableScope } from '../core/variable-scope.ts'
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
