/**
 * What a configuration wants to be listened on, as plain data.
 *
 * A *spec* says which socket; it travels between processes (the master opens it, workers use it). A *plan*
 * is a spec with the port object that takes what arrives. A new snapshot gives an open listener a new port
 * object in one assignment; the descriptor stays.
 *
 * ```text
 *   listen 0.0.0.0:443 ssl reuseport;      ListenPlan ─┬─ key      'tcp 0.0.0.0:443'
 *                                                      ├─ options  { reuseport: true, … }   socket
 *                                                      └─ port     servers by name, …      snapshot
 * ```
 */
import { formatAddress, type Address } from './address.ts'
import type { DatagramPort } from './datagram.ts'
import type { Acceptor } from './socket.ts'

export type ListenProtocol = 'tcp' | 'udp'

/** `so_keepalive=on|off|idle:interval:count`; a part that was left out stays the system's. */
export interface KeepAliveOptions {
  readonly enabled: boolean
  readonly idleSeconds?: number
  readonly intervalSeconds?: number
  readonly count?: number
}

/** Options of the listening socket. What is absent stays the system's default. */
export interface ListenOptions {
  /** Length of the queue of connections that were not accepted yet. */
  readonly backlog?: number
  /** One socket per worker; the kernel spreads connections over them. Always so for UDP. */
  readonly reuseport?: boolean
  /** For IPv6 wildcards; nginx's default is on. */
  readonly ipv6only?: boolean
  /** Length of the TCP Fast Open queue. */
  readonly fastopen?: number
  readonly rcvbuf?: number
  readonly sndbuf?: number
  readonly soKeepalive?: KeepAliveOptions
  /** Accept only when the first bytes are there (TCP_DEFER_ACCEPT). */
  readonly deferred?: boolean
  /** The socket takes intercepted traffic (IP_TRANSPARENT, IP_RECVORIGDSTADDR). */
  readonly mesh?: boolean
}

export interface ListenSpec {
  /** From `listenKey`. */
  readonly key: string
  readonly protocol: ListenProtocol
  readonly address: Address
  readonly options: ListenOptions
}

export interface StreamListenPlan extends ListenSpec {
  readonly protocol: 'tcp'
  readonly port: Acceptor
}

export interface DatagramListenPlan extends ListenSpec {
  readonly protocol: 'udp'
  readonly port: DatagramPort
}

export type ListenPlan = StreamListenPlan | DatagramListenPlan

/** What tells listeners apart: `tcp 0.0.0.0:80`, `udp [::]:53`, `tcp unix:/run/x.sock`. */
export function listenKey(protocol: ListenProtocol, address: Address): string {
  return `${protocol} ${formatAddress(address)}`
}

/**
 * True when a socket that was opened for `a` serves `b` too. Only what `bind` settles matters: joining a
 * reuseport group (leaving one changes nothing that a client could see) and IPV6_V6ONLY. All else can be
 * set while the socket is open.
 */
export function sameSocketOptions(a: ListenOptions, b: ListenOptions): boolean {
  const joins = (b.reuseport ?? false) && !(a.reuseport ?? false)
  return !joins && (a.ipv6only ?? true) === (b.ipv6only ?? true)
}

/** True when nothing of the socket has to be touched to get from `a` to `b`. */
export function equalOptions(a: ListenOptions, b: ListenOptions): boolean {
  return (
    a === b ||
    (sameSocketOptions(a, b) &&
      sameSocketOptions(b, a) &&
      a.backlog === b.backlog &&
      a.fastopen === b.fastopen &&
      a.rcvbuf === b.rcvbuf &&
      a.sndbuf === b.sndbuf &&
      (a.deferred ?? false) === (b.deferred ?? false) &&
      (a.mesh ?? false) === (b.mesh ?? false) &&
      equalKeepAlive(a.soKeepalive, b.soKeepalive))
  )
}

function equalKeepAlive(a: KeepAliveOptions | undefined, b: KeepAliveOptions | undefined): boolean {
  return (
    a?.enabled === b?.enabled &&
    a?.idleSeconds === b?.idleSeconds &&
    a?.intervalSeconds === b?.intervalSeconds &&
    a?.count === b?.count
  )
}
