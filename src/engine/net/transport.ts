/**
 * What moves the bytes: one contract, two drivers.
 *
 * `epoll` talks to the kernel itself and costs per request what nginx costs; `node` stands on `node:net`
 * and `node:dgram` and runs wherever Node does. Everything above sees this interface alone, and one
 * conformance suite runs over both.
 */
import type { Address, InetAddress } from './address.ts'
import type { DatagramHandler, DatagramListener, DatagramPort, DatagramSocket } from './datagram.ts'
import type { KeepAliveOptions, ListenSpec } from './listen-plan.ts'
import type { Acceptor, Socket, SocketHandler } from './socket.ts'

/** Milliseconds of a clock that never goes back. Within one turn of the event loop it may stand still. */
export interface Clock {
  now(): number
}

export interface ConnectOptions {
  /** Address of ours to connect from (`proxy_bind`); port 0 lets the kernel choose. */
  readonly bind?: InetAddress
  /** `bind` is not an address of this machine but the client's (`proxy_bind … transparent`). */
  readonly transparent?: boolean
  readonly keepAlive?: KeepAliveOptions
  /** Off lets the kernel collect small writes (Nagle); on unless said otherwise. */
  readonly noDelay?: boolean
  readonly rcvbuf?: number
  readonly sndbuf?: number
}

/** An open listening socket. Accepting begins with `start`. */
export interface Listener {
  /** Who takes accepted sockets; a new snapshot is taken into use by one assignment. */
  acceptor: Acceptor
  readonly local: Address
  start(): void
  /** Stops accepting and closes the descriptor; what was accepted lives on. */
  close(): void
}

export interface Transport {
  readonly kind: 'epoll' | 'node'
  readonly clock: Clock
  /** A buffer for what is sent again and again, for good: from there it costs the driver least. */
  memory(bytes: number): Buffer
  /**
   * Takes over a listening TCP or unix descriptor, see `DescriptorSource`. Where descriptors cannot be had
   * (-1), the driver opens the socket itself when it is started.
   */
  listen(descriptor: number, spec: ListenSpec, acceptor: Acceptor): Listener
  /**
   * Starts to connect. The outcome, failure included, comes to the handler later, never during this call:
   * `onConnect`, or `onClose` with an error whose `syscall` is `connect`. There is no time-out in here.
   */
  connect(address: Address, options: ConnectOptions, handler: SocketHandler): Socket
  /** Takes over a bound UDP descriptor, as `listen` does. */
  listenDatagrams(descriptor: number, spec: ListenSpec, port: DatagramPort): DatagramListener
  /** Opens a UDP socket towards one peer. Throws when the system has no socket for us. */
  connectDatagrams(
    address: Address,
    options: ConnectOptions,
    handler: DatagramHandler,
  ): DatagramSocket
  /** Calls back before the process sleeps again, and soon where it does not: for what is done once for many events. */
  defer(callback: () => void): void
  /** Closes every descriptor at once. For tests and the end of the process. */
  close(): void
}
