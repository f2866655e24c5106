/**
 * UDP as the data plane sees it: a listener that hands over datagrams, and connected sockets to upstreams.
 *
 * A datagram's addresses are made only when asked for; sessions are found by `sessionKey`, a number for
 * plain IPv4.
 */
import type { Address } from './address.ts'

/** One datagram that arrived. The object and `data` are valid only during the call. */
export interface Datagram {
  readonly data: Buffer
  readonly remote: Address
  /** Where the client sent it: the listener's address, or the original one of an intercepted datagram. */
  readonly local: Address
  /** Tells sessions apart, by client and destination; a key for a `Map`. */
  readonly sessionKey: string | number
  /** What a session keeps to answer this client from the address it spoke to. Throws `ErrnoException`. */
  openReply(): ReplyPath
}

/** The way back to one client of a datagram listener. */
export interface ReplyPath {
  readonly remote: Address
  readonly local: Address
  /** False when the kernel did not take it: the datagram is lost, as on any network. */
  send(data: Buffer): boolean
  close(): void
}

/** Takes what a datagram listener receives. */
export interface DatagramPort {
  onDatagram(listener: DatagramListener, datagram: Datagram): void
}

export interface DatagramListener {
  port: DatagramPort
  readonly local: Address
  start(): void
  /** Closes the descriptor; reply paths that were opened from it end with it. */
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
  /** Nothing comes to the handler any more. */
  close(): void
}
