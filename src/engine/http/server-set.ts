/** The servers of the next part, as they come and go while it is compiled. */
import type { Block } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import type { PersistentMap } from '../core/persistent-map.ts'
import type { Scope } from '../core/scope.ts'
import type { Stepwise } from '../conf/stepwise.ts'
import { CompiledServers } from '../modules/compiled-servers.ts'
import { ServerPlaces } from '../modules/server-places.ts'
import { type CompiledServer, compileServer, type ServerInput } from './compile-server.ts'
import type { HttpEngine } from './engine.ts'
import { HttpGate } from './gate.ts'
import type { HttpPart } from './part.ts'
import type { HttpPortTable, HttpServer, HttpTrait } from './server.ts'

const compiledServers = new CompiledServers<HttpServer>()

/** The server that a block was compiled to in that scope. */
export function compiledServer(scope: Scope, node: Directive): HttpServer | undefined {
  return compiledServers.of(scope, node)
}

export class ServerSet {
  /** Servers that were compiled: the cost of the change. */
  compiled = 0
  readonly #session: CompileSession
  readonly #places: ServerPlaces<HttpServer, HttpGate, HttpTrait>

  /** Goes on from the part before when `keep` is set, and begins with nothing otherwise. */
  constructor(
    engine: HttpEngine,
    session: CompileSession,
    before: HttpPart | undefined,
    keep: boolean,
  ) {
    const gateOf = (key: string): HttpGate =>
      before?.ports.get(key)?.gate ?? new HttpGate(engine, key)
    this.#session = session
    this.#places = new ServerPlaces(session, gateOf, keep ? before : undefined)
  }

  get ports(): HttpPortTable {
    return this.#places.ports
  }

  get declared(): PersistentMap<number> {
    return this.#places.declared
  }

  /** Takes a server out of the tables. */
  remove(server: HttpServer): void {
    this.#places.remove(server)
  }

  /** Compiles a server and puts it into the tables. */
  *add(input: ServerInput): Stepwise<void> {
    const { server } = yield* this.#compile(input)
    this.#places.add(server)
  }

  /**
   * Compiles what a server has become that is found as before: it keeps its places in the tables. Returns
   * the groups that it no longer refers to, by each reference.
   */
  *exchange(before: HttpServer, input: ServerInput): Stepwise<readonly string[]> {
    const { server, released } = yield* this.#compile(input, before)
    this.#places.exchange(before, server)
    return released
  }

  *#compile(input: ServerInput, before?: HttpServer): Stepwise<CompiledServer> {
    const compiled = yield* compileServer(input, before)
    this.compiled += 1
    compiledServers.note(input.parent, input.node, compiled.server)
    return compiled
  }

  /** A server was put between others: it may be the first of its addresses now, and of its names. */
  reorder(server: HttpServer): void {
    this.#places.reorder(server)
  }

  /** Settles what takes all servers: the default server of an address that lost its own. */
  finish(block: Block, scope: Scope): void {
    this.#places.settle(() => compiledServers.inOrder(block, scope))
    for (const key of this.#places.touched) this.#checkTls(key)
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
}
