/**
 * The addresses that servers listen on: who is the default there, who is meant by which name, and which
 * sockets that takes.
 *
 * The table is persistent; adding the 10,000th server to an address makes a handful of small nodes.
 *
 * ```text
 *   'tcp 0.0.0.0:443'   Port  options · traits · default server · names ─▶ server
 *   'tcp 10.0.0.1:443'  Port  …         no socket of its own: the wildcard's connections are told apart
 *                                       by their local address, as in nginx
 * ```
 */
import { PersistentMap } from '../core/persistent-map.ts'
import { NameTable, type ServerName } from '../core/server-names.ts'
import { type Address, formatAddress } from '../net/address.ts'
import { equalOptions, type ListenOptions, type ListenProtocol } from '../net/listen-plan.ts'
import type { Listen } from './listen.ts'

/** What the table knows of a server. */
export interface NamedServer {
  readonly names: readonly ServerName[]
}

export interface Port<Server, Gate, Trait extends string> {
  readonly key: string
  readonly protocol: ListenProtocol
  readonly address: Address
  /** Takes what arrives; the same object as long as the address is listened on. */
  readonly gate: Gate
  /** How many servers listen here. */
  readonly servers: number
  readonly names: NameTable<Server>
  /** Takes what no name chose; `undefined` only while a table is being changed. */
  readonly fallback: Server | undefined
  /** True when `default_server` made it so. */
  readonly fallbackIsExplicit: boolean
  readonly options: ListenOptions
  /** The server whose `listen` sets the options of the socket. */
  readonly optionsFrom: Server | undefined
  /** True when the socket is the address' own though a wildcard is listened on. */
  readonly bind: boolean
  /** How many servers ask for each trait; one is enough. */
  readonly traits: ReadonlyMap<Trait, number>
  /** True when connections to other addresses, which have no socket of their own, arrive here as well. */
  readonly covers: boolean
}

/** A socket to open, and the gate that takes what arrives on it. */
export interface PortPlan<Gate> {
  readonly key: string
  readonly protocol: ListenProtocol
  readonly address: Address
  readonly options: ListenOptions
  readonly port: Gate
}

/** Told what nginx refuses or warns of; the caller knows the place. */
export interface PortReport {
  fail(message: string): void
  warn(message: string): void
}

/** The ports of one protocol, family and number: one wildcard at most, and particular addresses. */
interface Group {
  readonly wildcard: string | undefined
  readonly addresses: PersistentMap<true>
  /** Addresses whose connections arrive at the wildcard, if there is one. */
  readonly unbound: number
}

const emptyGroup: Group = {
  wildcard: undefined,
  addresses: PersistentMap.empty<true>(),
  unbound: 0,
}

interface Tables<Server, Gate, Trait extends string> {
  readonly ports: PersistentMap<Port<Server, Gate, Trait>>
  readonly listeners: PersistentMap<PortPlan<Gate>>
  readonly groups: PersistentMap<Group>
}

export class PortTable<Server extends NamedServer, Gate, Trait extends string> {
  readonly ports: PersistentMap<Port<Server, Gate, Trait>>
  readonly listeners: PersistentMap<PortPlan<Gate>>
  readonly #groups: PersistentMap<Group>

  private constructor({ ports, listeners, groups }: Tables<Server, Gate, Trait>) {
    this.ports = ports
    this.listeners = listeners
    this.#groups = groups
  }

  static empty<Server extends NamedServer, Gate, Trait extends string>(): PortTable<
    Server,
    Gate,
    Trait
  > {
    return new PortTable({
      ports: PersistentMap.empty(),
      listeners: PersistentMap.empty(),
      groups: PersistentMap.empty(),
    })
  }

  get(key: string): Port<Server, Gate, Trait> | undefined {
    return this.ports.get(key)
  }

  /** The port that a connection to `local` belongs to, among those that the socket of `key` serves. */
  find(key: string, local: () => string): Port<Server, Gate, Trait> | undefined {
    const port = this.ports.get(key)
    return port?.covers === true ? (this.ports.get(local()) ?? port) : port
  }

  add(
    server: Server,
    listen: Listen<Trait>,
    gate: () => Gate,
    report: PortReport,
  ): PortTable<Server, Gate, Trait> {
    const known = this.ports.get(listen.key)
    const port = joined(
      known ?? emptyPort<Server, Gate, Trait>(listen, gate()),
      server,
      listen,
      report,
    )
    return this.#changed(known, port)
  }

  remove(server: Server, listen: Listen<Trait>): PortTable<Server, Gate, Trait> {
    const known = this.ports.get(listen.key)
    if (known === undefined) return this
    const port = parted(known, server, listen)
    return this.#changed(known, port.servers > 0 ? port : undefined)
  }

  /** The table with a server in the place of another that has the same names and listens in the same way. */
  exchange(before: Server, after: Server, { key }: Listen<Trait>): PortTable<Server, Gate, Trait> {
    const port = this.ports.get(key)!
    let { names } = port
    for (const name of after.names) names = names.exchange(name, before, after)
    const ports = this.ports.set(key, {
      ...port,
      names,
      fallback: port.fallback === before ? after : port.fallback,
      optionsFrom: port.optionsFrom === before ? after : port.optionsFrom,
    })
    return new PortTable({ ...this.#tables, ports })
  }

  /** The port with another default server. */
  withFallback(key: string, fallback: Server, explicit: boolean): PortTable<Server, Gate, Trait> {
    const port = { ...this.ports.get(key)!, fallback, fallbackIsExplicit: explicit }
    return new PortTable({ ...this.#tables, ports: this.ports.set(key, port) })
  }

  /** The port with its names handed out anew. */
  withNames(key: string, names: NameTable<Server>): PortTable<Server, Gate, Trait> {
    const port = this.ports.get(key)
    if (port === undefined) return this
    const ports = this.ports.set(key, { ...port, names })
    return new PortTable({ ...this.#tables, ports })
  }

  get #tables(): Tables<Server, Gate, Trait> {
    return { ports: this.ports, listeners: this.listeners, groups: this.#groups }
  }

  /** The table with one port that comes, changes or goes. */
  #changed(
    known: Port<Server, Gate, Trait> | undefined,
    port: Port<Server, Gate, Trait> | undefined,
  ): PortTable<Server, Gate, Trait> {
    const { key, ...place } = (port ?? known)!
    const ports = port === undefined ? this.ports.delete(key) : this.ports.set(key, port)
    const id = groupOf(place)
    const before = this.#groups.get(id) ?? emptyGroup
    const group = regrouped(before, known, port)
    if (group === before) return this.#planned(ports, this.#groups, [key])
    const isLeft = group.wildcard !== undefined || group.addresses.size > 0
    const groups = isLeft ? this.#groups.set(id, group) : this.#groups.delete(id)
    return this.#planned(ports, groups, affected(before, group, key))
  }

  /** The table with new ports, and with the sockets that `keys` need. */
  #planned(
    changed: PersistentMap<Port<Server, Gate, Trait>>,
    groups: PersistentMap<Group>,
    keys: Iterable<string>,
  ): PortTable<Server, Gate, Trait> {
    let ports = changed
    let { listeners } = this
    for (const key of keys) {
      const port = ports.get(key)
      if (port === undefined) {
        listeners = listeners.delete(key)
        continue
      }
      const { wildcard, unbound } = groups.get(groupOf(port))!
      const covers = wildcard === key && unbound > 0
      if (port.covers !== covers) ports = ports.set(key, { ...port, covers })
      const covered = !port.bind && wildcard !== undefined && wildcard !== key
      listeners = covered ? listeners.delete(key) : withPlan(listeners, port)
    }
    return new PortTable({ ports, listeners, groups })
  }
}

type Grouped = Pick<Port<unknown, unknown, string>, 'key' | 'address' | 'bind'>

/** The group behind a change of one of its ports; the same object where it makes no difference to it. */
function regrouped(group: Group, known: Grouped | undefined, port: Grouped | undefined): Group {
  const { key, address } = (port ?? known)!
  if (isWildcard(address)) {
    const wildcard = port && key
    return wildcard === group.wildcard ? group : { ...group, wildcard }
  }
  const unbound = group.unbound + countUnbound(port) - countUnbound(known)
  if (known !== undefined && port !== undefined) {
    return unbound === group.unbound ? group : { ...group, unbound }
  }
  const { addresses } = group
  const next = port === undefined ? addresses.delete(key) : addresses.set(key, true)
  return { ...group, addresses: next, unbound }
}

function countUnbound(port: Grouped | undefined): number {
  return port === undefined || port.bind ? 0 : 1
}

/** A wildcard that comes or goes concerns all addresses; an address concerns the wildcard. */
function* affected(before: Group, after: Group, key: string): Generator<string> {
  yield key
  if (before.wildcard !== after.wildcard) {
    for (const [address] of after.addresses.entries()) yield address
  } else if (after.wildcard !== undefined && after.wildcard !== key) yield after.wildcard
}

function withPlan<Server, Gate, Trait extends string>(
  listeners: PersistentMap<PortPlan<Gate>>,
  port: Port<Server, Gate, Trait>,
): PersistentMap<PortPlan<Gate>> {
  const { key, protocol, address, gate } = port
  const options = isMesh(port) ? withMesh(port.options) : port.options
  const known = listeners.get(key)
  const same = known !== undefined && known.port === gate && equalOptions(known.options, options)
  if (same) return listeners
  return listeners.set(key, Object.freeze({ key, protocol, address, options, port: gate }))
}

/** One server that takes intercepted traffic is enough for the socket to be made for it. */
function isMesh({ traits }: { readonly traits: ReadonlyMap<string, number> }): boolean {
  return (traits.get('mesh') ?? 0) > 0
}

const meshOptions = new WeakMap<ListenOptions, ListenOptions>()

/** The same object for the same options: they are compared by every plan. */
function withMesh(options: ListenOptions): ListenOptions {
  const known = meshOptions.get(options) ?? Object.freeze({ ...options, mesh: true })
  meshOptions.set(options, known)
  return known
}

function groupOf({ protocol, address }: Pick<PortPlan<unknown>, 'protocol' | 'address'>): string {
  return address.family === 'unix'
    ? `${protocol} ${address.path}`
    : `${protocol} ${address.family} ${address.port}`
}

function isWildcard(address: Address): boolean {
  return address.family !== 'unix' && (address.host === '0.0.0.0' || address.host === '::')
}

const noOptions: ListenOptions = Object.freeze({})

function emptyPort<Server, Gate, Trait extends string>(
  { key, protocol, address }: Listen<Trait>,
  gate: Gate,
): Port<Server, Gate, Trait> {
  return {
    key,
    protocol,
    address,
    gate,
    servers: 0,
    names: NameTable.empty<Server>(),
    fallback: undefined,
    fallbackIsExplicit: false,
    options: noOptions,
    optionsFrom: undefined,
    bind: false,
    traits: new Map<Trait, number>(),
    covers: false,
  }
}

function joined<Server extends NamedServer, Gate, Trait extends string>(
  port: Port<Server, Gate, Trait>,
  server: Server,
  listen: Listen<Trait>,
  report: PortReport,
): Port<Server, Gate, Trait> {
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
    traits: counted(port.traits, listen.traits, 1),
  }
}

function withNames<Server extends NamedServer>(
  names: NameTable<Server>,
  server: Server,
  onConflict: (name: ServerName) => void,
): NameTable<Server> {
  let next = names
  for (const name of server.names) {
    if (next.owner(name) !== undefined) onConflict(name)
    next = next.add(name, server)
  }
  return next
}

function parted<Server extends NamedServer, Gate, Trait extends string>(
  port: Port<Server, Gate, Trait>,
  server: Server,
  listen: Listen<Trait>,
): Port<Server, Gate, Trait> {
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
    traits: counted(port.traits, listen.traits, -1),
  }
}

/** The counts with one more or less for each trait; the same object when there is none. */
function counted<Trait extends string>(
  counts: ReadonlyMap<Trait, number>,
  traits: ReadonlySet<Trait>,
  step: number,
): ReadonlyMap<Trait, number> {
  if (traits.size === 0) return counts
  const next = new Map(counts)
  for (const trait of traits) next.set(trait, (next.get(trait) ?? 0) + step)
  return next
}
