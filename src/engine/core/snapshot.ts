/**
 * The compile step as a whole: tree → snapshot.
 *
 * A snapshot is one part per subsystem (`http`, `stream`). A subsystem is given its last part and reuses
 * of it all that did not change; when neither its block nor its surroundings changed, the part itself is
 * used again and the subsystem is not even asked. A block that is gone is compiled as an empty one, so that
 * its subsystem lets go of what it served.
 *
 * ```text
 *   tree ──▶ main scope ──▶ http part   (listeners, servers, upstreams)
 *                       └─▶ stream part (listeners, servers, upstreams)
 * ```
 */
import { emptyBlock, findDirective } from '../conf/block.ts'
import { type Directive, directive } from '../conf/tree.ts'
import type { CompileSession } from './compile-session.ts'
import type { Context } from './module.ts'
import { createScope, type Scope } from './scope.ts'
import type { Stepwise } from '../conf/stepwise.ts'

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
  compile(input: SubsystemInput<Part>): Stepwise<Part>
}

export interface Snapshot {
  readonly tree: Directive
  readonly main: Scope
  readonly parts: ReadonlyMap<string, unknown>
}

/** Compiles what changed since `before`, which stays in force meanwhile. Faults are in `session.diagnostics`; the snapshot is then not to be used. */
export function* compileTree(
  tree: Directive,
  // oxlint-disable-next-line typescript/no-explicit-any -- each is given its own part back
  subsystems: readonly Subsystem<any>[],
  session: CompileSession,
  before?: Snapshot,
): Stepwise<Snapshot> {
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
    const { context } = subsystem
    const last = before?.parts.get(context)
    if (last === undefined && findDirective(tree.block, context) === undefined) continue
    const node = blockIn(tree, context)
    const same =
      last !== undefined && before?.main === main && blockIn(before.tree, context) === node
    const input = { node, main, session, before: last }
    parts.set(context, same ? last : yield* subsystem.compile(input))
  }
  return Object.freeze({ tree, main, parts })
}

const absent = {
  http: directive('http', [], emptyBlock),
  stream: directive('stream', [], emptyBlock),
} as const

function blockIn(tree: Directive, context: keyof typeof absent): Directive {
  return findDirective(tree.block, context) ?? absent[context]
}
