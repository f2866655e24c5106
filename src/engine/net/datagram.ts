/**
 * UDP as the data plane sees it: a listener that hands over datagrams, and connected sockets to upstreams.
 *
 * A datagram's sender is told as an `InetAddress`, made only when asked for; sessions are found by
 * `sessionKey`, which costs no text for IPv4.
 */
import type { Address, InetAddress } from './address.ts'

/** One datagram that arrived. The object and `data` are valid only during the call. */
export interface Datagram {
  readonly data: Buffer
  readonly remote: Address
  /** Where the client sent it: the listener's address, or the original one of an intercepted datagram. */
  readonly local: Address
  /** True when `local` was taken from the packet and differs from the listener's port or address. */
  readonly intercepted: boolean
  /** Tells clients (and their original destinations) apart; a key for a `Map`. */
  readonly sessionKey: string | number
}

/** Takes what a datagram listener receives. */
export interface DatagramPort {
  onDatagram(listener: DatagramListener, datagram: Datagram): void
}

export interface DatagramListener {
  port: DatagramPort
  readonly local: Address
  /**
   * Sends to a client from the listener's own address. False when the kernel did not take it: datagrams are
   * lost then, as they are on any network.
   */
  send(data: Buffer, remote: Address): boolean
  /** A socket that answers a client of an intercepted datagram from `local`, its original destination. */
  replySocket(local: InetAddress, remote: InetAddress): DatagramSocket
  pause(): void
  resume(): void
  close(): void
}

export interface DatagramHandler {
  onDatagram(socket: DatagramSocket, data: Buffer): void
  /** Such as ECONNREFUSED, when the peer's host says that nobody listens. The socket stays open. */
  onError(socket: DatagramSocket, error: NodeJS.ErrnoException): void
}

/** A UDP socket with one peer. */
export interface DatagramSocket {
  handler: DatagramHandler
  readonly remote: Address
  readonly local: Address
  readonly bytesRead: number
  readonly bytesWritten: number
  /** False when the kernel did not take it: the datagram is lost. */
  send(data: Buffer): boolean
  close(): void
}
