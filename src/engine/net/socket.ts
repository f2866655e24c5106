/**
 * What the data plane knows of a connection: one contract, whoever moves the bytes.
 *
 * Drivers differ (raw descriptors under epoll, Node's `net`, TLS on top); sessions and requests see this
 * interface alone. Handlers are objects with methods, not closures, so that a connection costs no
 * function objects, and every callback names its socket, so that one handler can serve both sides.
 *
 * ```text
 *   connect ──▶ onConnect ──▶ onData* ──▶ onEnd? ──▶ onClose        onClose comes exactly once, last
 *   accept  ──────────────────▶ onData* …                            onDrain after a write said false
 * ```
 */
import type { Address } from './address.ts'

export interface SocketHandler {
  /** An outgoing connection is established (with TLS: after the handshake). */
  onConnect(socket: Socket): void
  /** Bytes arrived. `chunk` is valid only until the call returns: its memory is used again. */
  onData(socket: Socket, chunk: Buffer): void
  /** The peer sent FIN; writing is still possible. */
  onEnd(socket: Socket): void
  /** Everything that was queued has been handed to the kernel. */
  onDrain(socket: Socket): void
  /** The connection is gone; `error` says why when it was not an orderly close. */
  onClose(socket: Socket, error: NodeJS.ErrnoException | undefined): void
}

export interface Socket {
  handler: SocketHandler
  readonly remote: Address
  readonly local: Address
  readonly bytesRead: number
  readonly bytesWritten: number
  /** Bytes that the kernel has not taken yet. */
  readonly queued: number
  readonly destroyed: boolean
  /** The descriptor, for system calls of other files in this layer; -1 where there is none (any more). */
  readonly descriptor: number
  /**
   * Sends now what the kernel takes and queues a copy of the rest: the caller may use `chunk` again.
   * Returns false when something is queued (some drivers: when much is); stop then and go on at `onDrain`,
   * which comes after a false only.
   */
  write(chunk: Buffer): boolean
  /** `write` of two chunks at the price of one, for a head and its body. */
  writeBoth(head: Buffer, body: Buffer): boolean
  /** Sends FIN after what is queued; reading goes on. */
  end(): void
  /** Closes at once; what is queued is lost. `reset` sends RST instead of FIN. */
  destroy(error?: Error, reset?: boolean): void
  /** Stops and starts delivery of `onData` and `onEnd`. */
  pause(): void
  resume(): void
  /** TCP_NODELAY; on unless switched off. */
  setNoDelay(on: boolean): void
}

/** Takes what a listener accepted. */
export interface Acceptor {
  onAccept(socket: Socket): void
}
