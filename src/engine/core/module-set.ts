/**
 * Sets of modules, of which there are few, for scopes, of which there are many: sets that came about in
 * the same order are one object.
 *
 * ```text
 *   empty ──with(proxy)──▶ {proxy} ──with(gzip)──▶ {proxy, gzip}      100,000 locations share three of them
 * ```
 */
import type { AnyModule } from './module.ts'

export class ModuleSet {
  static readonly empty: ModuleSet = new ModuleSet(new Set())
  readonly #modules: ReadonlySet<AnyModule>
  readonly #larger = new WeakMap<AnyModule, ModuleSet>()

  private constructor(modules: ReadonlySet<AnyModule>) {
    this.#modules = modules
  }

  has(module: AnyModule): boolean {
    return this.#modules.has(module)
  }

  /** The set with one more; the same object each time for modules added in the same order. */
  with(module: AnyModule): ModuleSet {
    if (this.#modules.has(module)) return this
    let larger = this.#larger.get(module)
    if (larger === undefined) {
      larger = new ModuleSet(new Set([...this.#modules, module]))
      this.#larger.set(module, larger)
    }
    return larger
  }
}
