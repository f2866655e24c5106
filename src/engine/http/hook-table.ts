/**
 * Which modules are asked for which hook, where some of them have settings and the others have not.
 *
 * A location asks only those that have the hook, and of those that are `idle` without settings only the
 * ones that have some: ten thousand servers with ten locations each are compiled within the start.
 */
import type { ModuleSet } from '../core/module-set.ts'
import type { AnyHttpModule, HttpHooks } from './module.ts'

export type HookName = keyof HttpHooks<object>

/** What a hook of that name gives when it has something to do. */
export type HookAnswer<N extends HookName> = NonNullable<
  ReturnType<NonNullable<HttpHooks<object>[N]>>
>

/** The list of nothing to do. */
export const none: readonly never[] = Object.freeze([])

export class HookTable {
  readonly #modules: readonly AnyHttpModule[]
  readonly #last = new Map<HookName | 'handlers', readonly unknown[]>()
  readonly #asked = new WeakMap<ModuleSet, Map<HookName | 'check', readonly AnyHttpModule[]>>()

  /** `modules` in the order in which they are asked. */
  constructor(modules: readonly AnyHttpModule[]) {
    this.#modules = modules
  }

  /** The list, or one with the same answers that was made just before: locations mostly do what others do. */
  share<T>(name: HookName | 'handlers', list: readonly T[]): readonly T[] {
    if (list.length === 0) return none
    const last = this.#last.get(name)
    if (last !== undefined && isSame(last, list)) return last as readonly T[]
    const own = Object.freeze(list.slice())
    this.#last.set(name, own)
    return own
  }

  /** Modules with that hook that have something to do in a scope. */
  modules(touched: ModuleSet, name: HookName | 'check'): readonly AnyHttpModule[] {
    let asked = this.#asked.get(touched)
    if (asked === undefined) {
      asked = new Map()
      this.#asked.set(touched, asked)
    }
    let found = asked.get(name)
    if (found === undefined) {
      found = this.#modules.filter((module) => isAsked(module, touched, name))
      asked.set(name, found)
    }
    return found
  }
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i])
}

function isAsked(module: AnyHttpModule, touched: ModuleSet, name: HookName | 'check'): boolean {
  const { hooks, check, idle } = module.http
  // What a block does not set was checked where it was set.
  if (name === 'check') return check !== undefined && touched.has(module)
  return hooks?.[name] !== undefined && (idle !== true || touched.has(module))
}
