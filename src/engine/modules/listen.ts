/**
 * The `listen` directive: `listen address[:port] [ssl] [proxy_protocol] [default_server] [backlog=n] …`.
 *
 * What is parsed falls in two: options of the socket, which belong to the address and may be given once
 * for it, and traits of the traffic (`ssl`, `proxy_protocol`), which hold for the address as soon as one
 * server asks for them. Which traits there are is the subsystem's business.
 */
import { ConfError } from '../conf/diagnostics.ts'
import { parseSize, parseTimeSeconds } from '../conf/units.ts'
import type { Address } from '../net/address.ts'
import {
  type KeepAliveOptions,
  listenKey,
  type ListenOptions,
  type ListenProtocol,
} from '../net/listen-plan.ts'
import { type Endpoint, parseEndpoint } from '../upstream/addresses.ts'

/** What a subsystem takes in its `listen`. */
export interface ListenGrammar<Trait extends string> {
  /** Parameter words that say what the traffic is like. */
  readonly traits: readonly Trait[]
  readonly udp: boolean
  /** Port of an address without one; `undefined` where that is an error. */
  readonly defaultPort: number | undefined
  /** Words about a parameter that is not known. */
  readonly unknown: (parameter: string) => string
}

export interface Listen<Trait extends string> {
  /** What tells addresses apart, see `listenKey`. */
  readonly key: string
  readonly protocol: ListenProtocol
  readonly address: Address
  readonly options: ListenOptions
  /** True when the directive sets options of the socket. */
  readonly setsOptions: boolean
  /** A socket of its own, where a wildcard address of the port would take its connections. */
  readonly bind: boolean
  readonly defaultServer: boolean
  readonly traits: ReadonlySet<Trait>
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What the parameters say, while they are read. */
interface Draft {
  readonly options: Mutable<ListenOptions>
  udp: boolean
  defaultServer: boolean
  bind: boolean
  setsOptions: boolean
}

export function parseListen<Trait extends string>(
  where: string,
  parameters: readonly string[],
  grammar: ListenGrammar<Trait>,
): Listen<Trait> {
  const address = parseListenAddress(where, grammar.defaultPort)
  const draft: Draft = {
    options: {},
    udp: false,
    defaultServer: false,
    bind: false,
    setsOptions: false,
  }
  const traits = new Set<Trait>()
  for (const parameter of parameters) {
    const trait = grammar.traits.find((known) => known === parameter)
    if (trait !== undefined) traits.add(trait)
    else if (parameter === 'udp' && grammar.udp) draft.udp = true
    else takeParameter(draft, parameter, grammar)
  }
  if (draft.udp) refuseWithUdp(draft, traits)
  const protocol = draft.udp ? 'udp' : 'tcp'
  return Object.freeze({
    key: listenKey(protocol, address),
    protocol,
    address,
    options: Object.freeze(draft.options),
    setsOptions: draft.setsOptions || draft.bind,
    bind: draft.bind,
    defaultServer: draft.defaultServer,
    traits,
  })
}

type Flag = (draft: Draft) => void

const flags: Readonly<Record<string, Flag>> = {
  default_server: (draft) => (draft.defaultServer = true),
  default: (draft) => (draft.defaultServer = true),
  bind: (draft) => (draft.bind = true),
  reuseport: (draft) => set(draft, 'reuseport', true),
  deferred: (draft) => set(draft, 'deferred', true),
}

type Setter = (draft: Draft, value: string, parameter: string) => void

const setters: Readonly<Record<string, Setter>> = {
  backlog: (draft, value, parameter) => {
    set(draft, 'backlog', positive(value) ?? refuse(`invalid backlog "${parameter}"`))
  },
  fastopen: (draft, value, parameter) => {
    set(draft, 'fastopen', positive(value) ?? refuse(`invalid fastopen "${parameter}"`))
  },
  rcvbuf: (draft, value, parameter) => {
    set(draft, 'rcvbuf', parseSize(value) ?? refuse(`invalid rcvbuf "${parameter}"`))
  },
  sndbuf: (draft, value, parameter) => {
    set(draft, 'sndbuf', parseSize(value) ?? refuse(`invalid sndbuf "${parameter}"`))
  },
  ipv6only: (draft, value) => set(draft, 'ipv6only', value === 'on'),
  so_keepalive: (draft, value) => set(draft, 'soKeepalive', parseKeepAlive(value)),
}

function takeParameter(
  draft: Draft,
  parameter: string,
  grammar: Pick<ListenGrammar<string>, 'unknown'>,
): void {
  const flag = Object.hasOwn(flags, parameter) ? flags[parameter] : undefined
  if (flag !== undefined) {
    flag(draft)
    return
  }
  const equals = parameter.indexOf('=')
  const name = equals < 0 ? '' : parameter.slice(0, equals)
  const setter = Object.hasOwn(setters, name) ? setters[name] : undefined
  const malformed = name === 'ipv6only' && !/=(?:on|off)$/.test(parameter)
  if (setter === undefined || malformed) refuse(grammar.unknown(parameter))
  else setter(draft, parameter.slice(equals + 1), parameter)
}

/** Sets an option of the socket, which also makes the address one with a socket of its own, as in nginx. */
function set<K extends keyof ListenOptions>(
  draft: Draft,
  name: K,
  value: NonNullable<ListenOptions[K]>,
): void {
  ;(draft.options as Record<K, unknown>)[name] = value
  draft.setsOptions = true
  draft.bind = true
}

function positive(value: string): number | undefined {
  return /^[1-9]\d*$/.test(value) ? Number(value) : undefined
}

/** `on`, `off`, or `idle:interval:count` with at least one part. */
function parseKeepAlive(value: string): KeepAliveOptions {
  if (value === 'on') return { enabled: true }
  if (value === 'off') return { enabled: false }
  const invalid = (): never => refuse(`invalid so_keepalive value: "${value}"`)
  const parts = value.split(':')
  if (parts.length < 2 || parts.length > 3) invalid()
  const [idle = '', interval = '', count = ''] = parts
  if (idle === '' && interval === '' && count === '') invalid()
  return {
    enabled: true,
    ...(idle !== '' && { idleSeconds: parseTimeSeconds(idle) ?? invalid() }),
    ...(interval !== '' && { intervalSeconds: parseTimeSeconds(interval) ?? invalid() }),
    ...(count !== '' && { count: positive(count) ?? invalid() }),
  }
}

/** A datagram has no connection: what belongs to one is refused. */
function refuseWithUdp({ options }: Draft, traits: ReadonlySet<string>): void {
  const given: readonly (readonly [string, boolean])[] = [
    ['backlog', options.backlog !== undefined],
    ['ssl', traits.has('ssl')],
    ['so_keepalive', options.soKeepalive !== undefined],
    ['proxy_protocol', traits.has('proxy_protocol')],
    ['fastopen', options.fastopen !== undefined],
  ]
  for (const [name, present] of given) {
    if (present) refuse(`"listen" directive "${name}" parameter is incompatible with "udp"`)
  }
}

/** `80`, `*:80`, `1.2.3.4:80`, `[::]:80`, `unix:/path`. */
function parseListenAddress(where: string, defaultPort: number | undefined): Address {
  try {
    const text = /^\d+$/.test(where) ? `*:${where}` : where
    return toAddress(parseEndpoint(text, defaultPort === undefined ? {} : { defaultPort }))
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    throw new ConfError(`${error.message} in "${where}" of the "listen" directive`)
  }
}

function toAddress(endpoint: Endpoint): Address {
  if (endpoint.family === 'unix') return Object.freeze(endpoint)
  if (endpoint.port === 0) refuse('no port')
  const { port } = endpoint
  if (endpoint.family === 6) {
    return Object.freeze({ family: 6, host: canonicalIPv6(endpoint.host), port })
  }
  if (endpoint.family === 4) return Object.freeze(endpoint)
  const host = namedHosts[endpoint.host] ?? refuse('host not found')
  return Object.freeze({ family: 4, host, port })
}

/** A listener's address must be known at once: only names that need no look-up are taken. */
const namedHosts: Readonly<Record<string, string>> = { '*': '0.0.0.0', localhost: '127.0.0.1' }

/** One spelling for each address, as the kernel prints it. */
function canonicalIPv6(host: string): string {
  return new URL(`http://[${host}]`).hostname.slice(1, -1)
}

function refuse(message: string): never {
  throw new ConfError(message)
}
