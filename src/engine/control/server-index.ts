/**
 * What control must know of the servers of a subsystem, found without walking them: which names stand
 * on which address, which of them are dynamic, and what the listening addresses are like.
 *
 * The index is persistent and moves with the tree: adding the 100,000th server costs a few small nodes. It
 * reads the servers of the files when it is asked for the first time, so that an engine whose servers of
 * that kind nobody changes does not read them; or before, piece by piece, where somebody may.
 */
import { directives, findDirective } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import { settingsOf } from '../core/scope.ts'
import {
  addressOfListen,
  type ListenAddress,
  listenKey,
  usualAddress,
  wildcardOf,
} from './listen-address.ts'

/** Whose servers: the name of the block that they stand in. */
export type SubsystemName = 'http' | 'stream'

/** Something that an instruction put into a server. */
export interface Part {
  readonly instruction: string
  readonly node: Directive
}

export interface IndexedServer {
  readonly node: Directive
  /** Key of the instruction that made it; `undefined` for a server of the files. */
  readonly instruction: string | undefined
  readonly addresses: readonly ListenAddress[]
  /** Tokenised, lower case; `['']` when it has no name. */
  readonly names: readonly string[]
  /** What instructions put into it, by what that is: a location by its path. */
  readonly parts: PersistentMap<Part>
}

export interface Listener {
  readonly address: ListenAddress
  readonly ssl: boolean
  /** How many servers of the files and how many dynamic ones listen here. */
  readonly fixed: number
  readonly dynamic: number
  /** False for a listener of the other subsystem. */
  readonly own: boolean
}

interface Tables {
  readonly servers: PersistentMap<IndexedServer>
  readonly listeners: PersistentMap<Listener>
  readonly byInstruction: PersistentMap<IndexedServer>
  /** Listeners by protocol and port: `tcp 22222`. */
  readonly ports: PersistentMap<readonly string[]>
  readonly fixedCount: number
}

export class ServerIndex {
  /** False when the tree has no such block at all. */
  readonly hasBlock: boolean
  readonly #subsystem: SubsystemName
  /** As they are, or as far as they are read. */
  #content: Tables | Reading

  private constructor(subsystem: SubsystemName, hasBlock: boolean, content: Tables | Reading) {
    this.#subsystem = subsystem
    this.hasBlock = hasBlock
    this.#content = content
  }

  /** The index of a whole tree. */
  static of(tree: Directive, subsystem: SubsystemName): ServerIndex {
    const hasBlock = findDirective(tree.block, subsystem) !== undefined
    return new ServerIndex(subsystem, hasBlock, readTables(tree, subsystem))
  }

  get #tables(): Tables {
    if (isReading(this.#content)) {
      let step = this.#content.next()
      while (step.done !== true) step = this.#content.next()
      this.#content = step.value
    }
    return this.#content
  }

  /** Reads the next so many servers of the files; true when all are read. */
  readAhead(servers: number): boolean {
    if (!isReading(this.#content)) return true
    for (let i = 0; i < servers; i += 1) {
      const step = this.#content.next()
      if (step.done !== true) continue
      this.#content = step.value
      return true
    }
    return false
  }

  /** Number of servers that stand in the files. */
  get fixedCount(): number {
    return this.#tables.fixedCount
  }

  find(address: ListenAddress, name: string): IndexedServer | undefined {
    return this.#tables.servers.get(serverKey(address, name))
  }

  /** The server that an instruction made. */
  madeBy(instruction: string): IndexedServer | undefined {
    return this.#tables.byInstruction.get(instruction)
  }

  listener(address: ListenAddress): Listener | undefined {
    return this.#tables.listeners.get(listenKey(address))
  }

  /** The listener of the subsystem that takes connections to `address`: its own, or the wildcard of its family and port. */
  listenerFor(address: ListenAddress): Listener | undefined {
    const exact = this.listener(address)
    const found = exact ?? (address.port === 0 ? undefined : this.listener(wildcardOf(address)))
    return found?.own === true ? found : undefined
  }

  /** True when something listens on that protocol and port, on whatever address. */
  portTaken(address: ListenAddress): boolean {
    return (this.#tables.ports.get(portKey(address))?.length ?? 0) > 0
  }

  *servers(): Generator<IndexedServer, void, undefined> {
    const seen = new Set<IndexedServer>()
    for (const server of this.#tables.servers.values()) {
      if (seen.has(server)) continue
      seen.add(server)
      yield server
    }
  }

  /** A server as the index would hold it. */
  describe(node: Directive, instruction?: string): IndexedServer {
    return describe(node, instruction, this.#subsystem)
  }

  add(node: Directive, instruction: string | undefined): ServerIndex {
    const server = this.describe(node, instruction)
    const { servers, listeners, ports, byInstruction, fixedCount } = this.#tables
    const register = { servers, listeners, ports }
    enter(register, server)
    return this.#with({
      ...register,
      byInstruction:
        instruction === undefined ? byInstruction : byInstruction.set(instruction, server),
      fixedCount: fixedCount + (instruction === undefined ? 1 : 0),
    })
  }

  remove(server: IndexedServer): ServerIndex {
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
    return this.#with({ servers, byInstruction, listeners, ports, fixedCount })
  }

  /** The same server with another node: its directives changed, its addresses and names did not. */
  replace(
    server: IndexedServer,
    node: Directive,
    parts: PersistentMap<Part> = server.parts,
  ): ServerIndex {
    const next = { ...server, node, parts }
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
    return this.#with({ ...this.#tables, servers, byInstruction })
  }

  #with(tables: Tables): ServerIndex {
    return new ServerIndex(this.#subsystem, this.hasBlock, tables)
  }
}

/** What servers are entered into. */
interface Register {
  servers: PersistentMap<IndexedServer>
  listeners: PersistentMap<Listener>
  ports: PersistentMap<readonly string[]>
}

/** A tree that is read server by server. */
type Reading = Generator<void, Tables, undefined>

function isReading(content: Tables | Reading): content is Reading {
  return 'next' in content
}

/** Reads a whole tree; the listeners of the other subsystem hold their ports. */
function* readTables(tree: Directive, subsystem: SubsystemName): Reading {
  const register: Register = {
    servers: PersistentMap.empty(),
    listeners: PersistentMap.empty(),
    ports: PersistentMap.empty(),
  }
  let fixedCount = 0
  for (const node of serversOf(tree, subsystem === 'http' ? 'stream' : 'http')) {
    enterForeign(register, node)
    yield
  }
  for (const node of serversOf(tree, subsystem)) {
    enter(register, describe(node, undefined, subsystem))
    fixedCount += 1
    yield
  }
  return { ...register, byInstruction: PersistentMap.empty(), fixedCount }
}

function enter(register: Register, server: IndexedServer): void {
  for (const address of server.addresses) {
    const key = listenKey(address)
    const listener = joined(register.listeners.get(key), address, server)
    register.listeners = register.listeners.set(key, listener)
    enterPort(register, address)
    for (const name of server.names) {
      const place = serverKey(address, name)
      // The first server of a name keeps it, as in nginx.
      if (!register.servers.has(place)) register.servers = register.servers.set(place, server)
    }
  }
}

function enterForeign(register: Register, node: Directive): void {
  for (const address of describe(node, undefined).addresses) {
    const key = listenKey(address)
    if (register.listeners.has(key)) continue
    const listener = { address, ssl: false, fixed: 1, dynamic: 0, own: false }
    register.listeners = register.listeners.set(key, listener)
    enterPort(register, address)
  }
}

function enterPort(register: Register, address: ListenAddress): void {
  const keys = register.ports.get(portKey(address)) ?? []
  const key = listenKey(address)
  if (!keys.includes(key)) register.ports = register.ports.set(portKey(address), [...keys, key])
}

function serverKey(address: ListenAddress, name: string): string {
  return `${listenKey(address)} ${name.toLowerCase()}`
}

function portKey({ protocol, host, port }: ListenAddress): string {
  return port === 0 ? `${protocol} ${host}` : `${protocol} ${port}`
}

/** One for all servers that nothing was put into. */
const noParts: PersistentMap<Part> = PersistentMap.empty()

function describe(
  node: Directive,
  instruction: string | undefined,
  subsystem?: SubsystemName,
): IndexedServer {
  const addresses: ListenAddress[] = []
  const names: string[] = []
  for (const child of settingsOf(node.block!)) {
    const address = child.name === 'listen' ? addressOfListen(child) : undefined
    if (address !== undefined) addresses.push(address)
    if (child.name === 'server_name') names.push(...child.args.map((name) => name.toLowerCase()))
  }
  if (subsystem === 'http' && addresses.length === 0) addresses.push(usualAddress)
  if (names.length === 0) names.push('')
  return { node, instruction, addresses, names, parts: noParts }
}

function* serversOf(
  tree: Directive,
  subsystem: SubsystemName,
): Generator<Directive, void, undefined> {
  const block = findDirective(tree.block, subsystem)?.block
  if (block === undefined) return
  for (const node of directives(block)) {
    if (node.name === 'server' && node.block !== undefined) yield node
  }
}

function joined(
  known: Listener | undefined,
  address: ListenAddress,
  { node, instruction }: IndexedServer,
): Listener {
  const fixed = instruction === undefined ? 1 : 0
  return {
    address,
    ssl: known?.ssl === true || listensWithSsl(node, address),
    fixed: (known?.fixed ?? 0) + fixed,
    dynamic: (known?.dynamic ?? 0) + 1 - fixed,
    own: known?.own ?? true,
  }
}

/** The listener with one server less; `undefined` when that was the last. */
function parted(listener: Listener, instruction: string | undefined): Listener | undefined {
  const fixed = listener.fixed - (instruction === undefined ? 1 : 0)
  const dynamic = listener.dynamic - (instruction === undefined ? 0 : 1)
  return fixed + dynamic === 0 ? undefined : { ...listener, fixed, dynamic }
}

function listensWithSsl(node: Directive, address: ListenAddress): boolean {
  for (const child of settingsOf(node.block!)) {
    if (child.name !== 'listen' || !child.args.includes('ssl')) continue
    const other = addressOfListen(child)
    if (other !== undefined && listenKey(other) === listenKey(address)) return true
  }
  return false
}

function withoutPort(
  ports: PersistentMap<readonly string[]>,
  address: ListenAddress,
): PersistentMap<readonly string[]> {
  const keys = ports.get(portKey(address))?.filter((key) => key !== listenKey(address)) ?? []
  return keys.length > 0 ? ports.set(portKey(address), keys) : ports.delete(portKey(address))
}
