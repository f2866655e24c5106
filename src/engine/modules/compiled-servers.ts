/** What the `server` blocks of a subsystem were compiled to. */
import type { Block } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { blocksOf, type Scope } from '../core/scope.ts'

/** By the scope they were compiled in; what was aborted is simply never asked for. */
export class CompiledServers<Server> {
  readonly #byScope = new WeakMap<Scope, WeakMap<Directive, Server>>()

  /** The server that a block was compiled to in that scope. */
  of(scope: Scope, node: Directive): Server | undefined {
    return this.#byScope.get(scope)?.get(node)
  }

  note(scope: Scope, node: Directive, server: Server): void {
    this.#byScope.getOrInsertComputed(scope, () => new WeakMap()).set(node, server)
  }

  /** Those of a block, in the order of the file. */
  *inOrder(block: Block, scope: Scope): Generator<Server> {
    for (const node of blocksOf(block)) {
      const server = node.name === 'server' ? this.of(scope, node) : undefined
      if (server !== undefined) yield server
    }
  }
}
