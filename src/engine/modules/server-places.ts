/**
 * The ports of the next part, as its servers come and go while it is compiled: who takes what arrives there,
 * and what only the order of the servers decides.
 *
 * ```text
 *   remove, add, exchange, reorder …          one server at a time, in any order
 *   settle ─▶ default servers of addresses that lost theirs, names that several servers have
 * ```
 */
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import type { Scope } from '../core/scope.ts'
import { NameTable } from '../core/server-names.ts'
import type { Listen } from './listen.ts'
import { type NamedServer, PortTable } from './port-table.ts'

export interface PlacedServer<Trait extends string> extends NamedServer {
  readonly node: Directive
  readonly scope: Scope
  readonly listens: readonly Listen<Trait>[]
  /** Variables that its `set` directives bring into being. */
  readonly declared: readonly string[]
}

/** What a part had, for the next one to go on from. */
interface Before<Server extends NamedServer, Gate, Trait extends string> {
  readonly ports: PortTable<Server, Gate, Trait>
  readonly declared: PersistentMap<number>
}

export class ServerPlaces<Server extends PlacedServer<Trait>, Gate, Trait extends string> {
  ports: PortTable<Server, Gate, Trait>
  /** How many servers declare each variable. */
  declared: PersistentMap<number>
  /** Addresses that a server has come to, or has left. */
  readonly touched: Set<string> = new Set<string>()
  readonly #session: CompileSession
  readonly #gateOf: (key: string) => Gate
  /** Addresses whose default server is to be chosen anew. */
  readonly #headless = new Set<string>()
  /** Addresses where the order of servers decides who has a name. */
  readonly #contested = new Set<string>()
  readonly #reordered = new Set<string>()

  /** Goes on from what was before, or begins with nothing; `gateOf` finds or makes the gate of an address. */
  constructor(
    session: CompileSession,
    gateOf: (key: string) => Gate,
    before: Before<Server, Gate, Trait> | undefined,
  ) {
    this.#session = session
    this.#gateOf = gateOf
    this.ports = before?.ports ?? PortTable.empty()
    this.declared = before?.declared ?? PersistentMap.empty()
  }

  remove(server: Server): void {
    for (const listen of server.listens) {
      if (this.ports.get(listen.key)?.fallback === server) this.#headless.add(listen.key)
      this.ports = this.ports.remove(server, listen)
      this.touched.add(listen.key)
    }
    this.#countDeclared(server, -1)
  }

  add(server: Server): void {
    for (const [i, listen] of server.listens.entries()) {
      const at = server.scope.own('listen')[i] ?? server.node
      this.ports = this.ports.add(server, listen, () => this.#gateOf(listen.key), {
        fail: (message) => this.#session.fail(message, at),
        warn: (message) => {
          this.#session.warn(message, at)
          this.#contested.add(listen.key)
        },
      })
      this.touched.add(listen.key)
      // The order of expressions decides.
      if (server.names.some(({ kind }) => kind === 'regex')) this.#contested.add(listen.key)
    }
    this.#countDeclared(server, 1)
  }

  /** What a server has become that is found as before: it keeps its places. */
  exchange(before: Server, after: Server): void {
    for (const listen of after.listens) {
      this.ports = this.ports.exchange(before, after, listen)
      this.touched.add(listen.key)
    }
    this.#countDeclared(before, -1)
    this.#countDeclared(after, 1)
  }

  /** A server was put between others: it may be the first of its addresses now, and of its names. */
  reorder(server: Server): void {
    for (const { key } of server.listens) {
      this.#headless.add(key)
      if (this.#contested.has(key)) this.#reordered.add(key)
    }
  }

  /** Settles what takes all servers; `inOrder` begins with the first of the file each time. */
  settle(inOrder: () => Iterable<Server>): void {
    for (const key of this.#headless) this.#appoint(key, inOrder())
    for (const key of this.#reordered) this.#rename(key, inOrder())
  }

  /** Makes the first server of an address its default; one that says it is has become so when it came. */
  #appoint(key: string, servers: Iterable<Server>): void {
    const port = this.ports.get(key)
    if (port === undefined || port.fallbackIsExplicit) return
    for (const server of servers) {
      if (!listensOn(server, key)) continue
      this.ports = this.ports.withFallback(key, server, false)
      return
    }
  }

  /** Hands out the names of an address anew. */
  #rename(key: string, servers: Iterable<Server>): void {
    let names = NameTable.empty<Server>()
    for (const server of servers) {
      if (!listensOn(server, key)) continue
      for (const name of server.names) names = names.add(name, server)
    }
    this.ports = this.ports.withNames(key, names)
  }

  #countDeclared({ declared }: Server, step: 1 | -1): void {
    for (const name of declared) {
      const count = (this.declared.get(name) ?? 0) + step
      this.declared = count > 0 ? this.declared.set(name, count) : this.declared.delete(name)
    }
  }
}

function listensOn<Trait extends string>({ listens }: PlacedServer<Trait>, at: string): boolean {
  return listens.some(({ key }) => key === at)
}
