/** The servers of the next part, as they come and go while it is compiled. */
import type { Block } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import { blocksOf, type Scope } from '../core/scope.ts'
import { NameTable } from '../core/server-names.ts'
import { PortTable } from '../modules/port-table.ts'
import { type CompiledServer, compileServer, type ServerInput } from './compile-server.ts'
import type { HttpEngine } from './engine.ts'
import { HttpGate } from './gate.ts'
import type { HttpPart } from './part.ts'
import type { HttpPortTable, HttpServer } from './server.ts'

/** Compiled servers by the scope they were compiled in; what was aborted is simply never asked for. */
const compiledIn = new WeakMap<Scope, WeakMap<Directive, HttpServer>>()

/** The server that a block was compiled to in that scope. */
export function compiledServer(scope: Scope, node: Directive): HttpServer | undefined {
  return compiledIn.get(scope)?.get(node)
}

export class ServerSet {
  ports: HttpPortTable
  declared: PersistentMap<number>
  /** Servers that were compiled: the cost of the change. */
  compiled = 0
  readonly #engine: HttpEngine
  readonly #session: CompileSession
  readonly #before: HttpPart | undefined
  /** Addresses whose default server is to be chosen anew. */
  readonly #headless = new Set<string>()
  readonly #touched = new Set<string>()
  /** Addresses where the order of servers decides who has a name. */
  readonly #contested = new Set<string>()
  readonly #reordered = new Set<string>()

  /** Goes on from the part before when `keep` is set, and begins with nothing otherwise. */
  constructor(
    engine: HttpEngine,
    session: CompileSession,
    before: HttpPart | undefined,
    keep: boolean,
  ) {
    this.#engine = engine
    this.#session = session
    this.#before = before
    this.ports = keep ? before!.ports : PortTable.empty()
    this.declared = keep ? before!.declared : PersistentMap.empty()
  }

  /** Takes a server out of the tables. */
  remove(server: HttpServer): void {
    for (const listen of server.listens) {
      if (this.ports.get(listen.key)?.fallback === server) this.#headless.add(listen.key)
      this.ports = this.ports.remove(server, listen)
      this.#touched.add(listen.key)
    }
    this.#countDeclared(server, -1)
  }

  /** Compiles a server and puts it into the tables. */
  add(input: ServerInput): void {
    const { server } = this.#compile(input)
    for (const [i, listen] of server.listens.entries()) {
      const at = server.scope.own('listen')[i] ?? server.node
      this.ports = this.ports.add(server, listen, () => this.#gate(listen.key), {
        fail: (message) => this.#session.fail(message, at),
        warn: (message) => {
          this.#session.warn(message, at)
          this.#contested.add(listen.key)
        },
      })
      this.#touched.add(listen.key)
      if (server.names.some(({ kind }) => kind === 'regex')) this.#contested.add(listen.key)
    }
    this.#countDeclared(server, 1)
  }

  /**
   * Compiles what a server has become that is found as before: it keeps its places in the tables. Returns
   * the groups that it no longer refers to, by each reference.
   */
  exchange(before: HttpServer, input: ServerInput): readonly string[] {
    const { server, released } = this.#compile(input, before)
    for (const listen of server.listens) {
      this.ports = this.ports.exchange(before, server, listen)
      this.#touched.add(listen.key)
    }
    this.#countDeclared(before, -1)
    this.#countDeclared(server, 1)
    return released
  }

  #compile(input: ServerInput, before?: HttpServer): CompiledServer {
    const compiled = compileServer(input, before)
    const { server } = compiled
    this.compiled += 1
    compiledIn.getOrInsertComputed(input.parent, () => new WeakMap()).set(input.node, server)
    return compiled
  }

  #countDeclared({ declared }: HttpServer, step: 1 | -1): void {
    for (const name of declared) {
      const count = (this.declared.get(name) ?? 0) + step
      this.declared = count > 0 ? this.declared.set(name, count) : this.declared.delete(name)
    }
  }

  /** A server was put between others: it may be the first of its addresses now, and of its names. */
  reorder(server: HttpServer): void {
    for (const { key } of server.listens) {
      this.#headless.add(key)
      if (this.#contested.has(key)) this.#reordered.add(key)
    }
  }

  /** Settles what takes all servers: the default server of an address that lost its own. */
  finish(block: Block, scope: Scope): void {
    for (const key of this.#headless) this.#appoint(key, block, scope)
    for (const key of this.#reordered) this.#rename(key, block, scope)
    for (const key of this.#touched) this.#checkTls(key)
  }

  /** A TLS port whose default server has no certificate could answer nobody. */
  #checkTls(key: string): void {
    const port = this.ports.get(key)
    if (port === undefined || (port.traits.get('ssl') ?? 0) === 0) return
    const { fallback } = port
    if (fallback === undefined || fallback.tls !== undefined) return
    const listens = fallback.scope.own('listen')
    this.#session.fail(
      'no "ssl_certificate" is defined for the "listen ... ssl" directive',
      listens[0] ?? fallback.node,
    )
  }

  /** Makes the first server of an address its default; one that says it is has become so when it came. */
  #appoint(key: string, block: Block, scope: Scope): void {
    const port = this.ports.get(key)
    if (port === undefined || port.fallbackIsExplicit) return
    for (const node of blocksOf(block)) {
      const server = node.name === 'server' ? compiledServer(scope, node) : undefined
      if (server?.listens.some((listen) => listen.key === key) !== true) continue
      this.ports = this.ports.withFallback(key, server, false)
      return
    }
  }

  /** Hands out the names of an address anew, in the order of the file. */
  #rename(key: string, block: Block, scope: Scope): void {
    let names = NameTable.empty<HttpServer>()
    for (const node of blocksOf(block)) {
      const server = node.name === 'server' ? compiledServer(scope, node) : undefined
      if (server?.listens.some((listen) => listen.key === key) !== true) continue
      for (const name of server.names) names = names.add(name, server)
    }
    this.ports = this.ports.withNames(key, names)
  }

  #gate(key: string): HttpGate {
    return this.#before?.ports.get(key)?.gate ?? new HttpGate(this.#engine, key)
  }
}
