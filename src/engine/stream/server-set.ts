/**
 * The servers of the next part, as they come and go while it is compiled.
 *
 * It also sees to live sessions: a server that takes the place of another on the same address under the
 * same name goes on with its sessions; those of a server without successor are closed at commit.
 */
import type { Block } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import { blocksOf, type Scope } from '../core/scope.ts'
import { NameTable } from '../core/server-names.ts'
import { compileServer, type ServerInput } from './compile-server.ts'
import type { StreamEngine } from './engine.ts'
import { PortGate } from './port-gate.ts'
import { checkPortTls, checkServerTls } from './port-tls.ts'
import { hasTrait, noPorts, type StreamPorts } from './ports.ts'
import type { Session } from './session.ts'
import { SessionList } from './session-list.ts'
import type { StreamPart } from './part.ts'
import type { VirtualServer } from './virtual-server.ts'

/** Compiled servers by the scope they were compiled in; what was aborted is simply never asked for. */
const compiledIn = new WeakMap<Scope, WeakMap<Directive, VirtualServer>>()

/** Live sessions belong to the block that began them, and to the blocks that have replaced it since. */
const liveOf = new WeakMap<Directive, SessionList<Session>>()

/** The server that a block was compiled to in that scope. */
export function compiledServer(scope: Scope, node: Directive): VirtualServer | undefined {
  return compiledIn.get(scope)?.get(node)
}

export class ServerSet {
  table: StreamPorts
  declared: PersistentMap<number>
  /** Servers that were compiled: the cost of the change. */
  compiled = 0
  readonly #engine: StreamEngine
  readonly #session: CompileSession
  readonly #before: StreamPart | undefined
  /** Removed servers by address and name, until somebody takes their place. */
  readonly #orphans = new Map<string, VirtualServer>()
  readonly #removed = new Set<VirtualServer>()
  readonly #added: VirtualServer[] = []
  readonly #touched = new Set<string>()
  readonly #headless = new Set<string>()
  /** Addresses where the order of servers decides who owns a name. */
  readonly #contested = new Set<string>()
  readonly #reordered = new Set<string>()

  /** Goes on from the part before when `keep` is set, and begins with nothing otherwise. */
  constructor(
    engine: StreamEngine,
    session: CompileSession,
    before: StreamPart | undefined,
    keep: boolean,
  ) {
    this.#engine = engine
    this.#session = session
    this.#before = before
    this.table = keep ? before!.table : noPorts()
    this.declared = keep ? before!.declared : PersistentMap.empty()
  }

  /** Notes that a server of the part before is gone; its sessions wait for a successor. */
  orphan(server: VirtualServer): void {
    this.#removed.add(server)
    for (const place of placesOf(server)) this.#orphans.set(place, server)
  }

  /** Takes a server out of the tables. */
  remove(server: VirtualServer): void {
    for (const listen of server.listens) {
      if (this.table.get(listen.key)?.fallback === server) this.#headless.add(listen.key)
      this.table = this.table.remove(server, listen)
      this.#touched.add(listen.key)
    }
    for (const name of server.declared) {
      const left = (this.declared.get(name) ?? 1) - 1
      this.declared = left > 0 ? this.declared.set(name, left) : this.declared.delete(name)
    }
  }

  /** Compiles a server and puts it into the tables. */
  add(input: Omit<ServerInput, 'live'>): void {
    const server = compileServer({ ...input, live: (draft) => this.#liveFor(draft) })
    this.compiled += 1
    compiledIn.getOrInsertComputed(input.parent, () => new WeakMap()).set(input.node, server)
    for (const [i, listen] of server.listens.entries()) {
      const at = server.scope.own('listen')[i] ?? server.node
      this.table = this.table.add(server, listen, () => this.#gate(listen.key), {
        fail: (message) => this.#session.fail(message, at),
        warn: (message) => {
          this.#session.warn(message, at)
          this.#contested.add(listen.key)
        },
      })
      this.#touched.add(listen.key)
      // The order of expressions decides.
      if (server.names.some(({ kind }) => kind === 'regex')) this.#contested.add(listen.key)
    }
    this.#added.push(server)
    for (const name of server.declared) {
      this.declared = this.declared.set(name, (this.declared.get(name) ?? 0) + 1)
    }
  }

  /** A server was put between others: it may be the first of its addresses, and of its names. */
  reorder(server: VirtualServer): void {
    for (const { key } of server.listens) {
      this.#headless.add(key)
      if (this.#contested.has(key)) this.#reordered.add(key)
    }
  }

  /** Settles what takes all servers: default servers, certificates of ports, sessions without a server. */
  finish(block: Block, scope: Scope): void {
    for (const key of this.#headless) this.#appoint(key, block, scope)
    for (const key of this.#reordered) this.#rename(key, block, scope)
    for (const key of this.#touched) {
      const port = this.table.get(key)
      if (port !== undefined && hasTrait(port, 'ssl')) checkPortTls(port, this.#session)
    }
    for (const server of this.#added) this.#checkTls(server)
    const deleted = [...this.#removed]
    if (deleted.length > 0) this.#session.onCommit(() => deleted.forEach(closeSessions))
  }

  #checkTls(server: VirtualServer): void {
    for (const { key } of server.listens) {
      const port = this.table.get(key)
      if (port === undefined || !hasTrait(port, 'ssl') || port.fallback === server) continue
      checkServerTls(server, port, this.#session)
    }
  }

  /** Makes the first server of an address its default, or the one that says it is. */
  #appoint(key: string, block: Block, scope: Scope): void {
    const port = this.table.get(key)
    if (port === undefined || port.fallbackIsExplicit) return
    let first: VirtualServer | undefined
    for (const node of blocksOf(block)) {
      const server = node.name === 'server' ? compiledServer(scope, node) : undefined
      const listen = server?.listens.find((one) => one.key === key)
      if (listen?.defaultServer === true) {
        this.table = this.table.withFallback(key, server!, true)
        return
      }
      if (listen !== undefined) first ??= server
    }
    if (first !== undefined) this.table = this.table.withFallback(key, first, false)
  }

  /** Hands out the names of an address anew, in the order of the file. */
  #rename(key: string, block: Block, scope: Scope): void {
    let names = NameTable.empty<VirtualServer>()
    for (const node of blocksOf(block)) {
      const server = node.name === 'server' ? compiledServer(scope, node) : undefined
      if (server?.listens.some((listen) => listen.key === key) !== true) continue
      for (const name of server.names) names = names.add(name, server)
    }
    this.table = this.table.withNames(key, names)
  }

  #gate(key: string): PortGate {
    return this.#before?.table.get(key)?.gate ?? new PortGate(this.#engine, key)
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
