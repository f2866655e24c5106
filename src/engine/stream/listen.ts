/**
 * The `listen` directive: `listen address:port [ssl] [udp] [mesh] [proxy_protocol] [default_server] …`.
 *
 * What is parsed falls in two: options of the socket, which belong to the address and may be given once
 * for it, and traits of the traffic (`ssl`, `proxy_protocol`), which hold for the address as soon as one
 * server asks for them.
 */
import { ConfError } from '../conf/diagnostics.ts'
import { parseSize, parseTimeSeconds } from '../conf/units.ts'
import type { ValueType } from '../core/module.ts'
import { formatAddress, type Address } from '../net/address.ts'
import {
  type KeepAliveOptions,
  listenKey,
  type ListenOptions,
  type ListenProtocol,
} from '../net/listen-plan.ts'
import { type Endpoint, parseEndpoint } from '../upstream/addresses.ts'

export interface Listen {
  /** What tells addresses apart, see `listenKey`. */
  readonly key: string
  readonly protocol: ListenProtocol
  readonly address: Address
  readonly options: ListenOptions
  /** True when the directive sets options of the socket. */
  readonly setsOptions: boolean
  /** A socket of its own, where a wildcard address of the port would take its connections. */
  readonly bind: boolean
  readonly ssl: boolean
  readonly mesh: boolean
  readonly proxyProtocol: boolean
  readonly defaultServer: boolean
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What the parameters say, while they are read. */
interface Draft {
  readonly options: Mutable<ListenOptions>
  readonly traits: {
    udp: boolean
    ssl: boolean
    mesh: boolean
    proxyProtocol: boolean
    defaultServer: boolean
    bind: boolean
    sets: boolean
  }
  readonly address: Address
}

export const listenType: ValueType<readonly Listen[]> = {
  describe: 'address:port [parameters]',
  parse: ([where = '', ...parameters]) => [parseListen(where, parameters)],
}

export function parseListen(where: string, parameters: readonly string[]): Listen {
  const address = parseListenAddress(where)
  const draft: Draft = {
    options: {},
    traits: {
      udp: false,
      ssl: false,
      mesh: false,
      proxyProtocol: false,
      defaultServer: false,
      bind: false,
      sets: false,
    },
    address,
  }
  for (const parameter of parameters) takeParameter(draft, parameter)
  const { udp, sets, bind, ...traits } = draft.traits
  if (udp) refuseWithUdp(draft)
  const protocol = udp ? 'udp' : 'tcp'
  const key = listenKey(protocol, address)
  const options = Object.freeze({ ...draft.options })
  return Object.freeze({
    key,
    protocol,
    address,
    options,
    setsOptions: sets || bind,
    bind,
    ssl: traits.ssl,
    mesh: traits.mesh,
    proxyProtocol: traits.proxyProtocol,
    defaultServer: traits.defaultServer,
  })
}

/** How `$server_addr`-like texts and messages name the address. */
export function listenText({ address }: Listen): string {
  return formatAddress(address)
}

type Flag = (draft: Draft) => void

const flags: Readonly<Record<string, Flag>> = {
  udp: ({ traits }) => (traits.udp = true),
  ssl: ({ traits }) => (traits.ssl = true),
  mesh: ({ traits }) => (traits.mesh = true),
  proxy_protocol: ({ traits }) => (traits.proxyProtocol = true),
  default_server: ({ traits }) => (traits.defaultServer = true),
  default: ({ traits }) => (traits.defaultServer = true),
  bind: ({ traits }) => (traits.bind = true),
  reuseport: (draft) => set(draft, 'reuseport', true),
}

type Setter = (draft: Draft, value: string, parameter: string) => void

const setters: Readonly<Record<string, Setter>> = {
  backlog: (draft, value, parameter) => {
    const backlog = /^\d+$/.test(value) ? Number(value) : 0
    if (backlog === 0) refuse(`invalid backlog "${parameter}"`)
    set(draft, 'backlog', backlog)
  },
  fastopen: (draft, value, parameter) => {
    const length = /^\d+$/.test(value) ? Number(value) : 0
    if (length === 0) refuse(`invalid fastopen "${parameter}"`)
    set(draft, 'fastopen', length)
  },
  rcvbuf: (draft, value, parameter) => {
    set(draft, 'rcvbuf', parseSize(value) ?? refuse(`invalid rcvbuf "${parameter}"`))
  },
  sndbuf: (draft, value, parameter) => {
    set(draft, 'sndbuf', parseSize(value) ?? refuse(`invalid sndbuf "${parameter}"`))
  },
  ipv6only: (draft, value, parameter) => {
    if (value !== 'on' && value !== 'off') refuse(`the invalid "${parameter}" parameter`)
    set(draft, 'ipv6only', value === 'on')
  },
  so_keepalive: (draft, value) => set(draft, 'soKeepalive', parseKeepAlive(value)),
}

function takeParameter(draft: Draft, parameter: string): void {
  const flag = Object.hasOwn(flags, parameter) ? flags[parameter] : undefined
  if (flag !== undefined) return flag(draft)
  const equals = parameter.indexOf('=')
  const name = equals < 0 ? '' : parameter.slice(0, equals)
  const setter = Object.hasOwn(setters, name) ? setters[name] : undefined
  if (setter === undefined) throw new ConfError(`the invalid "${parameter}" parameter`)
  setter(draft, parameter.slice(equals + 1), parameter)
}

/** Sets an option of the socket, which also makes the address one with a socket of its own, as in nginx. */
function set<K extends keyof ListenOptions>(
  { options, traits }: Draft,
  name: K,
  value: NonNullable<ListenOptions[K]>,
): void {
  ;(options as Record<K, unknown>)[name] = value
  traits.sets = true
  traits.bind = true
}

/** `on`, `off`, or `idle:interval:count` with at least one part. */
function parseKeepAlive(value: string): KeepAliveOptions {
  if (value === 'on') return { enabled: true }
  if (value === 'off') return { enabled: false }
  const invalid = (): never => refuse(`invalid so_keepalive value: "${value}"`)
  const parts = value.split(':')
  if (parts.length < 2 || parts.length > 3) invalid()
  const [idle = '', interval = '', count = ''] = parts
  const options: Mutable<KeepAliveOptions> = { enabled: true }
  if (idle !== '') options.idleSeconds = parseTimeSeconds(idle) ?? invalid()
  if (interval !== '') options.intervalSeconds = parseTimeSeconds(interval) ?? invalid()
  if (count !== '') options.count = /^[1-9]\d*$/.test(count) ? Number(count) : invalid()
  if (idle === '' && interval === '' && count === '') invalid()
  return options
}

/** A datagram has no connection: what belongs to one is refused. */
function refuseWithUdp({ options, traits }: Draft): void {
  const given: readonly (readonly [string, boolean])[] = [
    ['backlog', options.backlog !== undefined],
    ['ssl', traits.ssl],
    ['so_keepalive', options.soKeepalive !== undefined],
    ['proxy_protocol', traits.proxyProtocol],
    ['fastopen', options.fastopen !== undefined],
  ]
  for (const [name, present] of given) {
    if (present) {
      refuse(`"listen" directive "${name}" parameter is incompatible with "udp"`)
    }
  }
}

/** `80`, `*:80`, `1.2.3.4:80`, `[::]:80`, `unix:/path`. */
function parseListenAddress(where: string): Address {
  try {
    return toAddress(parseEndpoint(/^\d+$/.test(where) ? `*:${where}` : where))
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
