/**
 * Which virtual server a name means, by nginx's rules: the exact name, then the longest wildcard that
 * begins with `*`, then the longest that ends with `*`, then the first regular expression that matches.
 *
 * The table is persistent: adding a name gives a new table that shares the old one, so that a snapshot
 * with one server more costs a few small nodes.
 *
 * ```text
 *   www.example.com    exact    "www.example.com"
 *   .example.com       exact    "example.com"   and   head ".example.com"
 *   *.example.com      head     ".example.com"       looked up by every suffix that starts at a dot
 *   www.example.*      tail     "www.example."       looked up by every prefix that ends at a dot
 *   ~^w\d+\.           patterns in order of definition
 * ```
 */
import { ConfError } from '../conf/diagnostics.ts'
import { PersistentMap } from './persistent-map.ts'
import { compileRegex, type Regex } from './regex.ts'

/** A parsed `server_name` argument. */
export type ServerName =
  | { readonly kind: 'exact' | 'head' | 'tail'; readonly text: string; readonly key: string }
  | { readonly kind: 'regex'; readonly text: string; readonly regex: Regex }

export interface NameMatch<Server> {
  readonly server: Server
  /** Set when a regular expression chose; its groups are the request's captures. */
  readonly regex: Regex | undefined
}

interface Pattern<Server> {
  readonly name: Extract<ServerName, { kind: 'regex' }>
  readonly server: Server
}

type Candidates<Server> = PersistentMap<readonly Server[]>

/** Parses one argument of `server_name`; several table entries for the form `.example.com`. */
export function parseServerName(text: string): readonly ServerName[] {
  if (text.startsWith('~')) {
    if (text.length === 1) throw new ConfError(`empty regex in server name "${text}"`)
    return [{ kind: 'regex', text, regex: compileRegex(text.slice(1), { ignoreCase: true }) }]
  }
  const name = text.toLowerCase()
  const bare = name.startsWith('.') ? name.slice(1) : name
  if (name.includes('*') || name.startsWith('.')) {
    if (/[/]/.test(name)) throw new ConfError(`server name "${text}" has suspicious symbols`)
    if (name.startsWith('.')) {
      if (bare === '' || bare.includes('*')) invalidWildcard(text)
      return [
        { kind: 'exact', text, key: bare },
        { kind: 'head', text, key: name },
      ]
    }
    if (name.startsWith('*.') && !name.slice(1).includes('*') && name.length > 2) {
      return [{ kind: 'head', text, key: name.slice(1) }]
    }
    if (name.endsWith('.*') && !name.slice(0, -1).includes('*') && name.length > 2) {
      return [{ kind: 'tail', text, key: name.slice(0, -1) }]
    }
    invalidWildcard(text)
  }
  return [{ kind: 'exact', text, key: name }]
}

function invalidWildcard(text: string): never {
  throw new ConfError(`invalid server name or wildcard "${text}" on`)
}

export class NameTable<Server> {
  readonly #exact: Candidates<Server>
  readonly #head: Candidates<Server>
  readonly #tail: Candidates<Server>
  readonly #patterns: readonly Pattern<Server>[]

  private constructor(
    exact: Candidates<Server>,
    head: Candidates<Server>,
    tail: Candidates<Server>,
    patterns: readonly Pattern<Server>[],
  ) {
    this.#exact = exact
    this.#head = head
    this.#tail = tail
    this.#patterns = patterns
  }

  static empty<Server>(): NameTable<Server> {
    const none = PersistentMap.empty<readonly Server[]>()
    return new NameTable<Server>(none, none, none, [])
  }

  /** The server that already owns that very name, for `conflicting server name` and the API's refusal. */
  owner(name: ServerName): Server | undefined {
    if (name.kind === 'regex') {
      return this.#patterns.find((pattern) => pattern.name.text === name.text)?.server
    }
    return this.#candidates(name.kind).get(name.key)?.[0]
  }

  add(name: ServerName, server: Server): NameTable<Server> {
    if (name.kind === 'regex') {
      return this.#with({ patterns: [...this.#patterns, { name, server }] })
    }
    const candidates = this.#candidates(name.kind)
    const list = [...(candidates.get(name.key) ?? []), server]
    return this.#with({ [name.kind]: candidates.set(name.key, list) })
  }

  remove(name: ServerName, server: Server): NameTable<Server> {
    if (name.kind === 'regex') {
      const index = this.#patterns.findIndex(
        (p) => p.server === server && p.name.text === name.text,
      )
      return index < 0 ? this : this.#with({ patterns: this.#patterns.toSpliced(index, 1) })
    }
    const candidates = this.#candidates(name.kind)
    const list = candidates.get(name.key)?.filter((other) => other !== server) ?? []
    const next = list.length > 0 ? candidates.set(name.key, list) : candidates.delete(name.key)
    return this.#with({ [name.kind]: next })
  }

  /** The table with one server in the place of another that has that name. */
  exchange(name: ServerName, before: Server, after: Server): NameTable<Server> {
    if (name.kind === 'regex') {
      const patterns = this.#patterns.map((pattern) => {
        const { server, name: known } = pattern
        return server === before && known.text === name.text ? { name, server: after } : pattern
      })
      return this.#with({ patterns })
    }
    const candidates = this.#candidates(name.kind)
    const list = candidates.get(name.key)?.map((server) => (server === before ? after : server))
    return this.#with({ [name.kind]: candidates.set(name.key, list ?? [after]) })
  }

  /** `host` is lower case, without port and trailing dot. */
  find(host: string): NameMatch<Server> | undefined {
    const server = this.#exact.get(host)?.[0] ?? this.#findHead(host) ?? this.#findTail(host)
    if (server !== undefined) return { server, regex: undefined }
    const pattern = this.#patterns.find(({ name }) => name.regex.test(host))
    return pattern && { server: pattern.server, regex: pattern.name.regex }
  }

  #findHead(host: string): Server | undefined {
    if (this.#head.size === 0) return undefined
    // From the first dot on: the earliest dot gives the longest suffix.
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const list = dot > 0 ? this.#head.get(host.slice(dot)) : undefined
      if (list !== undefined) return list[0]
    }
    return undefined
  }

  #findTail(host: string): Server | undefined {
    if (this.#tail.size === 0) return undefined
    for (let dot = host.lastIndexOf('.'); dot > 0; dot = host.lastIndexOf('.', dot - 1)) {
      const list = this.#tail.get(host.slice(0, dot + 1))
      if (list !== undefined) return list[0]
    }
    return undefined
  }

  #candidates(kind: 'exact' | 'head' | 'tail'): Candidates<Server> {
    return kind === 'exact' ? this.#exact : kind === 'head' ? this.#head : this.#tail
  }

  #with(change: {
    exact?: Candidates<Server>
    head?: Candidates<Server>
    tail?: Candidates<Server>
    patterns?: readonly Pattern<Server>[]
  }): NameTable<Server> {
    return new NameTable(
      change.exact ?? this.#exact,
      change.head ?? this.#head,
      change.tail ?? this.#tail,
      change.patterns ?? this.#patterns,
    )
  }
}
