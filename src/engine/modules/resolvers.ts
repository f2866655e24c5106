/** The resolvers of a process, one for each way of asking: blocks that say the same share one and its cache. */
import { Resolver } from '../upstream/dns/resolver.ts'
import type { ResolverConfig } from '../upstream/resolver-directive.ts'

export class Resolvers {
  readonly #known = new Map<string, Resolver>()

  get(config: ResolverConfig, timeoutMs: number): Resolver {
    const key = JSON.stringify([config, timeoutMs])
    return this.#known.getOrInsertComputed(key, () => new Resolver(config, { timeoutMs }))
  }

  close(): void {
    for (const resolver of this.#known.values()) resolver.close()
    this.#known.clear()
  }
}
