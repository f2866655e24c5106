/**
 * What control must know of the stream servers of a tree, found without walking them: which names stand
 * on which address, which of them are dynamic, and what the listening addresses are like.
 *
 * The index is persistent and moves with the tree: adding the 100,000th server costs a few small nodes.
 */
import { directives, findDirective } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import { addressOfListen, type ListenAddress, listenKey, wildcardOf } from './listen-address.ts'

export interface StreamServer {
  readonly node: Directive
  /** Key of the instruction that made it; `undefined` for a server of the files. */
  readonly instruction: string | undefined
  readonly addresses: readonly ListenAddress[]
  /** Tokenised, lower case; `['']` when it has no name. */
  readonly names: readonly string[]
}

export interface Listener {
  readonly address: ListenAddress
  readonly ssl: boolean
  /** How many servers of the files and how many dynamic ones listen here. */
  readonly fixed: number
  readonly dynamic: number
  /** False for a listener of `http`. */
  readonly stream: boolean
}

interface Tables {
  readonly servers: PersistentMap<StreamServer>
  readonly listeners: PersistentMap<Listener>
  readonly byInstruction: PersistentMap<StreamServer>
  /** Listeners by protocol and port: `tcp 22222`. */
  readonly ports: PersistentMap<readonly string[]>
  readonly fixedCount: number
  readonly hasStream: boolean
}

export class StreamIndex {
  readonly #tables: Tables

  private constructor(tables: Tables) {
    this.#tables = tables
  }

  /** Reads a whole tree; done at start and at reload only. */
  static of(tree: Directive): StreamIndex {
    let index = new StreamIndex({
      servers: PersistentMap.empty(),
      byInstruction: PersistentMap.empty(),
      listeners: PersistentMap.empty(),
      ports: PersistentMap.empty(),
      fixedCount: 0,
      hasStream: findDirective(tree.block, 'stream') !== undefined,
    })
    for (const node of serversOf(tree, 'http')) index = index.#withHttpServer(node)
    for (const node of serversOf(tree, 'stream')) index = index.add(node, undefined)
    return index
  }

  /** Number of stream servers that stand in the files. */
  get fixedCount(): number {
    return this.#tables.fixedCount
  }

  /** True when the tree has a stream block at all. */
  get hasStream(): boolean {
    return this.#tables.hasStream
  }

  find(address: ListenAddress, name: string): StreamServer | undefined {
    return this.#tables.servers.get(serverKey(address, name))
  }

  /** The server that an instruction made. */
  madeBy(instruction: string): StreamServer | undefined {
    return this.#tables.byInstruction.get(instruction)
  }

  listener(address: ListenAddress): Listener | undefined {
    return this.#tables.listeners.get(listenKey(address))
  }

  /** The stream listener that takes connections to `address`: its own, or the wildcard of its family and port. */
  listenerFor(address: ListenAddress): Listener | undefined {
    const exact = this.listener(address)
    const found = exact ?? (address.port === 0 ? undefined : this.listener(wildcardOf(address)))
    return found?.stream === true ? found : undefined
  }

  /** True when something listens on that protocol and port, on whatever address. */
  portTaken(address: ListenAddress): boolean {
    return (this.#tables.ports.get(portKey(address))?.length ?? 0) > 0
  }

  *servers(): Generator<StreamServer, void, undefined> {
    const seen = new Set<StreamServer>()
    for (const server of this.#tables.servers.values()) {
      if (seen.has(server)) continue
      seen.add(server)
      yield server
    }
  }

  add(node: Directive, instruction: string | undefined): StreamIndex {
    const server = describe(node, instruction)
    let { servers, byInstruction, listeners, ports } = this.#tables
    if (instruction !== undefined) byInstruction = byInstruction.set(instruction, server)
    for (const address of server.addresses) {
      const listener = listeners.get(listenKey(address))
      listeners = listeners.set(listenKey(address), joined(listener, address, node, instruction))
      ports = withPort(ports, address)
      for (const name of server.names) {
        // The first server of a name keeps it, as in nginx.
        if (!servers.has(serverKey(address, name))) {
          servers = servers.set(serverKey(address, name), server)
        }
      }
    }
    const fixedCount = this.#tables.fixedCount + (instruction === undefined ? 1 : 0)
    return new StreamIndex({
      ...this.#tables,
      servers,
      byInstruction,
      listeners,
      ports,
      fixedCount,
    })
  }

  remove(server: StreamServer): StreamIndex {
    let { servers, byInstruction, listeners, ports } = this.#tables
    if (server.instruction !== undefined) byInstruction = byInstruction.delete(server.instruction)
    for (const address of server.addresses) {
      const left = parted(listeners.get(listenKey(address))!, server.instruction)
      if (left === undefined) {
        listeners = listeners.delete(listenKey(address))
        ports = withoutPort(ports, address)
      } else listeners = listeners.set(listenKey(address), left)
      for (const name of server.names) {
        const key = serverKey(address, name)
        if (servers.get(key) === server) servers = servers.delete(key)
      }
    }
    const fixedCount = this.#tables.fixedCount - (server.instruction === undefined ? 1 : 0)
    return new StreamIndex({
      ...this.#tables,
      servers,
      byInstruction,
      listeners,
      ports,
      fixedCount,
    })
  }

  /** The same server with another node: its directives changed, its addresses and names did not. */
  replace(server: StreamServer, node: Directive): StreamIndex {
    const next = { ...server, node }
    let { servers, byInstruction } = this.#tables
    if (server.instruction !== undefined) {
      byInstruction = byInstruction.set(server.instruction, next)
    }
    for (const address of server.addresses) {
      for (const name of server.names) {
        const key = serverKey(address, name)
        if (servers.get(key) === server) servers = servers.set(key, next)
      }
    }
    return new StreamIndex({ ...this.#tables, servers, byInstruction })
  }

  #withHttpServer(node: Directive): StreamIndex {
    let { listeners, ports } = this.#tables
    for (const address of describe(node, undefined).addresses) {
      const known = listeners.get(listenKey(address))
      if (known !== undefined) continue
      const listener = { address, ssl: false, fixed: 1, dynamic: 0, stream: false }
      listeners = listeners.set(listenKey(address), listener)
      ports = withPort(ports, address)
    }
    return new StreamIndex({ ...this.#tables, listeners, ports })
  }
}

function serverKey(address: ListenAddress, name: string): string {
  return `${listenKey(address)} ${name.toLowerCase()}`
}

function portKey({ protocol, host, port }: ListenAddress): string {
  return port === 0 ? `${protocol} ${host}` : `${protocol} ${port}`
}

function describe(node: Directive, instruction: string | undefined): StreamServer {
  const addresses: ListenAddress[] = []
  const names: string[] = []
  for (const child of directives(node.block!)) {
    const address = child.name === 'listen' ? addressOfListen(child) : undefined
    if (address !== undefined) addresses.push(address)
    if (child.name === 'server_name') names.push(...child.args.map((name) => name.toLowerCase()))
  }
  return { node, instruction, addresses, names: names.length > 0 ? names : [''] }
}

function* serversOf(tree: Directive, subsystem: string): Generator<Directive, void, undefined> {
  const block = findDirective(tree.block, subsystem)?.block
  if (block === undefined) return
  for (const node of directives(block)) {
    if (node.name === 'server' && node.block !== undefined) yield node
  }
}

function joined(
  known: Listener | undefined,
  address: ListenAddress,
  node: Directive,
  instruction: string | undefined,
): Listener {
  const fixed = instruction === undefined ? 1 : 0
  return {
    address,
    ssl: known?.ssl === true || listensWithSsl(node, address),
    fixed: (known?.fixed ?? 0) + fixed,
    dynamic: (known?.dynamic ?? 0) + 1 - fixed,
    stream: known?.stream ?? true,
  }
}

/** The listener with one server less; `undefined` when that was the last. */
function parted(listener: Listener, instruction: string | undefined): Listener | undefined {
  const fixed = listener.fixed - (instruction === undefined ? 1 : 0)
  const dynamic = listener.dynamic - (instruction === undefined ? 0 : 1)
  return fixed + dynamic === 0 ? undefined : { ...listener, fixed, dynamic }
}

function listensWithSsl(node: Directive, address: ListenAddress): boolean {
  for (const child of directives(node.block!)) {
    if (child.name !== 'listen' || !child.args.includes('ssl')) continue
    const other = addressOfListen(child)
    if (other !== undefined && listenKey(other) === listenKey(address)) return true
  }
  return false
}

function withPort(
  ports: PersistentMap<readonly string[]>,
  address: ListenAddress,
): PersistentMap<readonly string[]> {
  const keys = ports.get(portKey(address)) ?? []
  const key = listenKey(address)
  return keys.includes(key) ? ports : ports.set(portKey(address), [...keys, key])
}

function withoutPort(
  ports: PersistentMap<readonly string[]>,
  address: ListenAddress,
): PersistentMap<readonly string[]> {
  const keys = ports.get(portKey(address))?.filter((key) => key !== listenKey(address)) ?? []
  return keys.length > 0 ? ports.set(portKey(address), keys) : ports.delete(portKey(address))
}
