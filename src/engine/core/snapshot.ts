/**
 * The compile step as a whole: tree → snapshot.
 *
 * A snapshot is one part per subsystem (`http`, `stream`). A subsystem is given its last part and reuses
 * of it all that did not change; when neither its block nor its surroundings changed, the part itself is
 * used again and the subsystem is not even asked.
 *
 * ```text
 *   tree ──▶ main scope ──▶ http part   (listeners, servers, upstreams)
 *                       └─▶ stream part (listeners, servers, upstreams)
 * ```
 */
import { findDirective } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from './compile-session.ts'
import type { Context } from './module.ts'
import { createScope, type Scope } from './scope.ts'

export interface SubsystemInput<Part> {
  readonly node: Directive
  readonly main: Scope
  readonly session: CompileSession
  readonly before: Part | undefined
}

/** One kind of serving, compiled on its own. */
export interface Subsystem<Part> {
  /** Name of its block in the main context. */
  readonly context: Context & ('http' | 'stream')
  compile(input: SubsystemInput<Part>): Part
}

export interface Snapshot {
  readonly tree: Directive
  readonly main: Scope
  readonly parts: ReadonlyMap<string, unknown>
}

/** Compiles what changed since `before`. Faults are in `session.diagnostics`; the snapshot is then not to be used. */
export function compileTree(
  tree: Directive,
  // oxlint-disable-next-line typescript/no-explicit-any -- each is given its own part back
  subsystems: readonly Subsystem<any>[],
  session: CompileSession,
  before?: Snapshot,
): Snapshot {
  const main = createScope({
    context: 'main',
    parent: undefined,
    block: tree.block,
    session,
    variables: undefined,
    before: before?.main,
  })
  const parts = new Map<string, unknown>()
  for (const subsystem of subsystems) {
    const node = findDirective(tree.block, subsystem.context)
    if (node === undefined) continue
    const last = before?.parts.get(subsystem.context)
    const same =
      before?.main === main && findDirective(before.tree.block, subsystem.context) === node
    const input = { node, main, session, before: last }
    parts.set(subsystem.context, same ? last : subsystem.compile(input))
  }
  return Object.freeze({ tree, main, parts })
}
