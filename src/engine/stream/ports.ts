/**
 * The addresses that servers listen on: who is the default there, who is meant by which name, and which
 * sockets that takes.
 *
 * The table is persistent; adding the 10,000th server to an address makes a handful of small nodes.
 *
 * ```text
 *   'tcp 0.0.0.0:443'   Port  options · ssl · default server · names ─▶ server
 *   'tcp 10.0.0.1:443'  Port  …         no socket of its own: the wildcard's connections are told apart
 *                                       by their local address, as in nginx
 * ```
 */
import { PersistentMap } from '../core/persistent-map.ts'
import { NameTable, type ServerName } from '../core/server-names.ts'
import { type Address, formatAddress } from '../net/address.ts'
import type { ListenOptions, ListenPlan, ListenProtocol } from '../net/listen-plan.ts'
import type { PortGate } from './port-gate.ts'
import type { Listen } from './listen.ts'
import type { VirtualServer } from './virtual-server.ts'

export interface Port {
  readonly key: string
  readonly protocol: ListenProtocol
  readonly address: Address
  readonly gate: PortGate
  /** How many servers listen here. */
  readonly servers: number
  readonly names: NameTable<VirtualServer>
  /** Takes sessions that no name chose; `undefined` only while a table is being changed. */
  readonly fallback: VirtualServer | undefined
  /** True when `default_server` made it so. */
  readonly fallbackIsExplicit: boolean
  readonly options: ListenOptions
  /** The server whose `listen` sets the options of the socket. */
  readonly optionsFrom: VirtualServer | undefined
  /** True when the socket is the address' own though a wildcard is listened on. */
  readonly bind: boolean
  /** How many servers ask for it; one is enough. */
  readonly ssl: number
  readonly mesh: number
  readonly proxyProtocol: number
  /** True when connections to other addresses, which have no socket of their own, arrive here as well. */
  readonly covers: boolean
}

/** The ports of one protocol, family and port number: one wildcard at most, and particular addresses. */
interface PortGroup {
  readonly keys: readonly string[]
}

/** Tells of what nginx warns of or refuses; the caller knows the place. */
export interface PortReport {
  fail(message: string): void
  warn(message: string): void
}

export class PortTable {
  readonly ports: PersistentMap<Port>
  readonly listeners: PersistentMap<ListenPlan>
  readonly #groups: PersistentMap<PortGroup>

  private constructor(
    ports: PersistentMap<Port>,
    listeners: PersistentMap<ListenPlan>,
    groups: PersistentMap<PortGroup>,
  ) {
    this.ports = ports
    this.listeners = listeners
    this.#groups = groups
  }

  static empty(): PortTable {
    return new PortTable(PersistentMap.empty(), PersistentMap.empty(), PersistentMap.empty())
  }

  get(key: string): Port | undefined {
    return this.ports.get(key)
  }

  /** The port that a connection to `local` belongs to, among those that the socket of `key` serves. */
  find(key: string, local: () => string): Port | undefined {
    const port = this.ports.get(key)
    return port?.covers === true ? (this.ports.get(local()) ?? port) : port
  }

  add(server: VirtualServer, listen: Listen, gate: () => PortGate, report: PortReport): PortTable {
    const known = this.ports.get(listen.key)
    const port = joined(known ?? emptyPort(listen, gate()), server, listen, report)
    const ports = this.ports.set(port.key, port)
    return known === undefined
      ? this.#withGroupOf(port, ports, (keys) => [...keys, port.key])
      : this.#planned(ports, [port.key])
  }

  remove(server: VirtualServer, listen: Listen): PortTable {
    const known = this.ports.get(listen.key)
    if (known === undefined) return this
    const port = parted(known, server, listen)
    if (port.servers > 0) return this.#planned(this.ports.set(port.key, port), [port.key])
    return this.#withGroupOf(port, this.ports.delete(port.key), (keys) =>
      keys.filter((key) => key !== port.key),
    )
  }

  /** The port with another default server. */
  withFallback(key: string, fallback: VirtualServer, explicit: boolean): PortTable {
    const port = { ...this.ports.get(key)!, fallback, fallbackIsExplicit: explicit }
    return this.#planned(this.ports.set(key, port), [key])
  }

  /** The port with its names handed out anew. */
  withNames(key: string, names: NameTable<VirtualServer>): PortTable {
    const port = this.ports.get(key)
    if (port === undefined) return this
    return new PortTable(this.ports.set(key, { ...port, names }), this.listeners, this.#groups)
  }

  #withGroupOf(
    port: Port,
    ports: PersistentMap<Port>,
    change: (keys: readonly string[]) => readonly string[],
  ): PortTable {
    const id = groupOf(port)
    const keys = change(this.#groups.get(id)?.keys ?? [])
    const groups = keys.length > 0 ? this.#groups.set(id, { keys }) : this.#groups.delete(id)
    const gone = keys.includes(port.key) ? [] : [port.key]
    return new PortTable(ports, this.listeners, groups).#planned(ports, [...keys, ...gone])
  }

  /** The table with new ports, and with the sockets that `keys` and their groups need. */
  #planned(changed: PersistentMap<Port>, keys: readonly string[]): PortTable {
    let ports = changed
    let { listeners } = this
    for (const key of keys) {
      const port = ports.get(key)
      if (port === undefined) {
        listeners = listeners.delete(key)
        continue
      }
      const wildcard = this.#wildcardOver(port, ports)
      const covers = this.#coversOthers(port, ports)
      if (port.covers !== covers) ports = ports.set(key, { ...port, covers })
      listeners = wildcard === undefined ? withPlan(listeners, port) : listeners.delete(key)
    }
    return new PortTable(ports, listeners, this.#groups)
  }

  /** The wildcard whose socket takes the connections of a particular address. */
  #wildcardOver(port: Port, ports: PersistentMap<Port>): Port | undefined {
    if (port.bind || isWildcard(port.address)) return undefined
    const keys = this.#groups.get(groupOf(port))?.keys ?? []
    if (keys.length < 2) return undefined
    return keys.map((key) => ports.get(key)).find((other) => other && isWildcard(other.address))
  }

  #coversOthers(port: Port, ports: PersistentMap<Port>): boolean {
    if (!isWildcard(port.address)) return false
    const keys = this.#groups.get(groupOf(port))?.keys ?? []
    return keys.some((key) => key !== port.key && ports.get(key)?.bind === false)
  }
}

function withPlan(listeners: PersistentMap<ListenPlan>, port: Port): PersistentMap<ListenPlan> {
  const known = listeners.get(port.key)
  const options = port.mesh > 0 ? withMesh(port.options) : port.options
  if (known !== undefined && known.port === port.gate && sameOptions(known.options, options)) {
    return listeners
  }
  const { key, protocol, address, gate } = port
  return listeners.set(key, Object.freeze({ key, protocol, address, options, port: gate }))
}

const meshOptions = new WeakMap<ListenOptions, ListenOptions>()

function withMesh(options: ListenOptions): ListenOptions {
  if (options.mesh === true) return options
  const known = meshOptions.get(options)
  if (known !== undefined) return known
  const made = Object.freeze({ ...options, mesh: true })
  meshOptions.set(options, made)
  return made
}

function sameOptions(a: ListenOptions, b: ListenOptions): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

function groupOf({ protocol, address }: Port): string {
  return address.family === 'unix'
    ? `${protocol} ${address.path}`
    : `${protocol} ${address.family} ${address.port}`
}

function isWildcard(address: Address): boolean {
  return address.family !== 'unix' && (address.host === '0.0.0.0' || address.host === '::')
}

const noOptions: ListenOptions = Object.freeze({})

function emptyPort({ key, protocol, address }: Listen, gate: PortGate): Port {
  return {
    key,
    protocol,
    address,
    gate,
    servers: 0,
    names: NameTable.empty<VirtualServer>(),
    fallback: undefined,
    fallbackIsExplicit: false,
    options: noOptions,
    optionsFrom: undefined,
    bind: false,
    ssl: 0,
    mesh: 0,
    proxyProtocol: 0,
    covers: false,
  }
}

function joined(port: Port, server: VirtualServer, listen: Listen, report: PortReport): Port {
  const where = formatAddress(port.address)
  if (listen.setsOptions && port.optionsFrom !== undefined) {
    report.fail(`duplicate listen options for ${where}`)
  }
  if (listen.defaultServer && port.fallbackIsExplicit) {
    report.fail(`a duplicate default server for ${where}`)
  }
  const becomesFallback = listen.defaultServer || port.fallback === undefined
  return {
    ...port,
    servers: port.servers + 1,
    names: withNames(port.names, server, (name) => {
      report.warn(`conflicting server name "${name.text}" on ${where}, ignored`)
    }),
    fallback: becomesFallback ? server : port.fallback,
    fallbackIsExplicit: port.fallbackIsExplicit || listen.defaultServer,
    options: listen.setsOptions ? listen.options : port.options,
    optionsFrom: listen.setsOptions ? server : port.optionsFrom,
    bind: port.bind || listen.bind,
    ssl: port.ssl + (listen.ssl ? 1 : 0),
    mesh: port.mesh + (listen.mesh ? 1 : 0),
    proxyProtocol: port.proxyProtocol + (listen.proxyProtocol ? 1 : 0),
  }
}

function withNames(
  names: NameTable<VirtualServer>,
  server: VirtualServer,
  onConflict: (name: ServerName) => void,
): NameTable<VirtualServer> {
  let next = names
  for (const name of server.names) {
    if (next.owner(name) !== undefined) onConflict(name)
    next = next.add(name, server)
  }
  return next
}

function parted(port: Port, server: VirtualServer, listen: Listen): Port {
  const ownsOptions = port.optionsFrom === server
  const wasFallback = port.fallback === server
  let { names } = port
  for (const name of server.names) names = names.remove(name, server)
  return {
    ...port,
    servers: port.servers - 1,
    names,
    fallback: wasFallback ? undefined : port.fallback,
    fallbackIsExplicit: wasFallback ? false : port.fallbackIsExplicit,
    options: ownsOptions ? noOptions : port.options,
    optionsFrom: ownsOptions ? undefined : port.optionsFrom,
    bind: ownsOptions ? false : port.bind,
    ssl: port.ssl - (listen.ssl ? 1 : 0),
    mesh: port.mesh - (listen.mesh ? 1 : 0),
    proxyProtocol: port.proxyProtocol - (listen.proxyProtocol ? 1 : 0),
  }
}
