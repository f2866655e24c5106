/** Takes a tree into use as a worker does, without opening anything. */
import type { Directive } from '../conf/tree.ts'
import { CompileSession } from './compile-session.ts'
import type { ModuleTable } from './module-table.ts'
import { compileTree, type Snapshot, type Subsystem } from './snapshot.ts'
import { toEnd } from '../conf/stepwise.ts'

export interface Applying<Part> {
  readonly subsystem: Subsystem<Part>
  readonly table: ModuleTable
  /** What is in force; nothing at first. */
  readonly before: Snapshot | undefined
  /** The tree comes of edits of the one in force. */
  readonly edits?: boolean
}

export interface Applied {
  /** `undefined` when the tree is refused: nothing has changed then. */
  readonly snapshot: Snapshot | undefined
  readonly messages: readonly string[]
}

export function applyTree<Part>(
  tree: Directive,
  { subsystem, table, before, edits = false }: Applying<Part>,
): Applied {
  const place = { prefix: '/p', confPrefix: '/p' }
  const session = new CompileSession({ table, ...place, dryRun: false, edits })
  const snapshot = toEnd(compileTree(tree, [subsystem], session, before))
  const messages = session.diagnostics.map(({ message }) => message)
  if (session.failed) {
    session.abort()
    return { snapshot: undefined, messages }
  }
  session.commit()
  return { snapshot, messages }
}
