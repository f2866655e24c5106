/**
 * The servers of the next part, as they come and go while it is compiled.
 *
 * It also sees to live sessions: a server that takes the place of another on the same address under the
 * same name goes on with its sessions; those of a server without successor are closed at commit.
 */
import type { Block } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import type { PersistentMap } from '../core/persistent-map.ts'
import type { Scope } from '../core/scope.ts'
import { CompiledServers } from '../modules/compiled-servers.ts'
import { ServerPlaces } from '../modules/server-places.ts'
import { compileServer, type ServerInput } from './compile-server.ts'
import type { StreamEngine } from './engine.ts'
import { PortGate } from './port-gate.ts'
import { checkPortTls, checkServerTls } from './port-tls.ts'
import type { StreamTrait } from './listen.ts'
import { hasTrait, type StreamPorts } from './ports.ts'
import type { Session } from './session.ts'
import { SessionList } from './session-list.ts'
import type { StreamPart } from './part.ts'
import type { VirtualServer } from './virtual-server.ts'

const compiledServers = new CompiledServers<VirtualServer>()

/** Live sessions belong to the block that began them, and to the blocks that have replaced it since. */
const liveOf = new WeakMap<Directive, SessionList<Session>>()

/** The server that a block was compiled to in that scope. */
export function compiledServer(scope: Scope, node: Directive): VirtualServer | undefined {
  return compiledServers.of(scope, node)
}

export class ServerSet {
  /** Servers that were compiled: the cost of the change. */
  compiled = 0
  readonly #session: CompileSession
  readonly #places: ServerPlaces<VirtualServer, PortGate, StreamTrait>
  /** Removed servers by address and name, until somebody takes their place. */
  readonly #orphans = new Map<string, VirtualServer>()
  readonly #removed = new Set<VirtualServer>()
  readonly #added: VirtualServer[] = []

  /** Goes on from the part before when `keep` is set, and begins with nothing otherwise. */
  constructor(
    engine: StreamEngine,
    session: CompileSession,
    before: StreamPart | undefined,
    keep: boolean,
  ) {
    const gateOf = (key: string): PortGate =>
      before?.table.get(key)?.gate ?? new PortGate(engine, key)
    const start = keep ? { ports: before!.table, declared: before!.declared } : undefined
    this.#session = session
    this.#places = new ServerPlaces(session, gateOf, start)
  }

  get ports(): StreamPorts {
    return this.#places.ports
  }

  get declared(): PersistentMap<number> {
    return this.#places.declared
  }

  /** Notes that a server of the part before is gone; its sessions wait for a successor. */
  orphan(server: VirtualServer): void {
    this.#removed.add(server)
    for (const place of placesOf(server)) this.#orphans.set(place, server)
  }

  /** Takes a server out of the tables. */
  remove(server: VirtualServer): void {
    this.#places.remove(server)
  }

  /** Compiles a server and puts it into the tables. */
  add(input: Omit<ServerInput, 'live'>): void {
    const server = compileServer({ ...input, live: (draft) => this.#liveFor(draft) })
    this.compiled += 1
    compiledServers.note(input.parent, input.node, server)
    this.#places.add(server)
    this.#added.push(server)
  }

  /** A server was put between others: it may be the first of its addresses, and of its names. */
  reorder(server: VirtualServer): void {
    this.#places.reorder(server)
  }

  /** Settles what takes all servers: default servers, certificates of ports, sessions without a server. */
  finish(block: Block, scope: Scope): void {
    this.#places.settle(() => compiledServers.inOrder(block, scope))
    for (const key of this.#places.touched) {
      const port = this.ports.get(key)
      if (port !== undefined && hasTrait(port, 'ssl')) checkPortTls(port, this.#session)
    }
    for (const server of this.#added) this.#checkTls(server)
    const deleted = [...this.#removed]
    if (deleted.length > 0) this.#session.onCommit(() => deleted.forEach(closeSessions))
  }

  #checkTls(server: VirtualServer): void {
    for (const { key } of server.listens) {
      const port = this.ports.get(key)
      if (port === undefined || !hasTrait(port, 'ssl') || port.fallback === server) continue
      checkServerTls(server, port, this.#session)
    }
  }

  #liveFor(draft: Pick<VirtualServer, 'node' | 'listens' | 'names'>): SessionList<Session> {
    const known = liveOf.get(draft.node) ?? this.#inherit(draft)
    const live = known ?? new SessionList<Session>()
    liveOf.set(draft.node, live)
    return live
  }

  #inherit(draft: Pick<VirtualServer, 'listens' | 'names'>): SessionList<Session> | undefined {
    if (this.#orphans.size === 0) return undefined
    let live: SessionList<Session> | undefined
    for (const place of placesOf(draft)) {
      const orphan = this.#orphans.get(place)
      if (orphan === undefined || !this.#removed.has(orphan)) continue
      // One list has one heir; a server that takes the place of two continues the first.
      live ??= orphan.live
      if (live === orphan.live) this.#removed.delete(orphan)
    }
    return live
  }
}

/** Where and under what name a server is found. */
function placesOf({ listens, names }: Pick<VirtualServer, 'listens' | 'names'>): readonly string[] {
  return listens.flatMap(({ key }) => names.map(({ text }) => `${key} ${text.toLowerCase()}`))
}

function closeSessions(server: VirtualServer): void {
  for (const session of server.live.sessions()) {
    session.log('info', 'session closed, its virtual server was deleted')
    session.finalize(200)
  }
}
