/**
 * A UDP client as a socket: what it sends comes as data, one datagram a call, and each write is one datagram.
 */
import type { Address } from '../net/address.ts'
import type { ReplyPath } from '../net/datagram.ts'
import { idleHandler } from '../net/idle-handler.ts'
import type { Socket, SocketHandler } from '../net/socket.ts'
import { datagramsWaitingMax } from './limits.ts'

export class DatagramClient implements Socket {
  handler: SocketHandler = idleHandler
  readonly remote: Address
  readonly local: Address
  readonly descriptor = -1
  readonly queued = 0
  bytesRead = 0
  bytesWritten = 0
  destroyed = false
  readonly #reply: ReplyPath
  readonly #forget: () => void
  #waiting: Buffer[] = []
  #paused = true

  /** `forget` is called when datagrams of this client should begin another session. */
  constructor(reply: ReplyPath, forget: () => void) {
    this.#reply = reply
    this.#forget = forget
    this.remote = reply.remote
    this.local = reply.local
  }

  /** A datagram of this client arrived; `data` is valid during the call only. */
  receive(data: Buffer): void {
    if (this.destroyed) return
    if (!this.#paused) {
      this.bytesRead += data.length
      this.handler.onData(this, data)
    } else if (this.#waiting.length < datagramsWaitingMax) this.#waiting.push(Buffer.from(data))
  }

  /** The next datagram of this client begins another session; this one may still answer. */
  detach(): void {
    this.#forget()
  }

  write(chunk: Buffer): boolean {
    if (this.destroyed) return false
    // A datagram that the kernel did not take is lost; there is nothing to wait for.
    if (this.#reply.send(chunk)) this.bytesWritten += chunk.length
    return true
  }

  writeBoth(head: Buffer, body: Buffer): boolean {
    return this.write(Buffer.concat([head, body]))
  }

  end(): void {
    // Datagrams have no end.
  }

  /** There is no `onClose`: whoever destroys a client knows. */
  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.#waiting = []
    this.#reply.close()
    this.#forget()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    while (!this.#paused && !this.destroyed) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.bytesRead += next.length
      this.handler.onData(this, next)
    }
  }

  setNoDelay(): void {
    // There is no Nagle's algorithm for datagrams.
  }
}
