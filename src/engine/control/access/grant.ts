/**
 * What a caller may do: a scope, and paths and methods that it may be kept to.
 *
 * ```text
 *   read     look                     GET, HEAD
 *   change   look and change          everything but what is for admins
 *   admin    all, also tokens, and to see secrets
 * ```
 */

export const accessScopes = ['read', 'change', 'admin'] as const

export type AccessScope = (typeof accessScopes)[number]

export interface Grant {
  readonly scope: AccessScope
  /** Paths below the interface, such as `/v1/kv`, with all below them; none for every path. */
  readonly paths: readonly string[]
  /** `GET`, `POST` …; none for every method. */
  readonly methods: readonly string[]
}

/** Who calls, once that is found good. */
export interface Access {
  /** `token deploy (k3J…)`, `certificate CN=ops`, `user 0`; `undefined` for whoever is on this machine. */
  readonly name: string | undefined
  readonly grant: Grant
}

/** What is asked for. */
export interface Demand {
  readonly scope: AccessScope
  readonly method: string
  /** Below the interface: `/v1/kv`. */
  readonly path: string
}

const methodPattern = /^[A-Z]{3,10}$/
/** Of segments that say something: a path that is written otherwise would never be met. */
const pathPattern = /^\/v\d+(?:\/[\w.~%-]+)*$/

export const everything: Grant = { scope: 'admin', paths: [], methods: [] }

/** Why it may not be done; `undefined` when it may. */
export function objectionOf({ scope, paths, methods }: Grant, demand: Demand): string | undefined {
  if (accessScopes.indexOf(scope) < accessScopes.indexOf(demand.scope)) {
    return `the scope "${demand.scope}" is needed, "${scope}" is what was granted`
  }
  if (paths.length > 0 && !paths.some((path) => isBelow(demand.path, path))) {
    return `${demand.path} is not among the paths that were granted`
  }
  if (methods.length > 0 && !methods.includes(demand.method)) {
    return `${demand.method} is not among the methods that were granted`
  }
  return undefined
}

/** A scope of that name. */
export function toScope(text: unknown): AccessScope | undefined {
  return accessScopes.find((scope) => scope === text)
}

/** What is wrong with paths and methods of a grant. */
export function limitFault({ paths, methods }: Omit<Grant, 'scope'>): string | undefined {
  const path = paths.find((one) => !pathPattern.test(one))
  if (path !== undefined) {
    return `"${path}" is no path of the interface: "/v1/kv" is one, without what is in front of it`
  }
  const method = methods.find((one) => !methodPattern.test(one))
  return method === undefined ? undefined : `"${method}" is no method: "GET" is one`
}

function isBelow(path: string, start: string): boolean {
  return path === start || path.startsWith(`${start}/`)
}
