/**
 * A connection to an upstream: used by one request after the other, and waiting in its group's pool between
 * them.
 *
 * ```text
 *   connecting ─▶ (TLS) ─▶ in use ◀──────▶ waiting in the pool ─▶ closed: by the server, its age, or others
 *        └────────────────────┴─▶ closed
 * ```
 *
 * While it waits nothing may come but its end; a server that says something unasked is not listened to.
 */
import type { Socket, SocketHandler } from '../../net/socket.ts'
import { Timer, type TimerOwner, type TimingWheel } from '../../net/timing-wheel.ts'
import type { ConnectOptions, Transport } from '../../net/transport.ts'
import type { IdleConnection, KeepalivePool } from '../../upstream/keepalive-pool.ts'
import type { Peer } from '../../upstream/peer.ts'

/** Who has the connection. */
export interface ConnectionUser {
  /** It can be written to; TLS is done. */
  onConnected(): void
  /** The bytes are valid during the call only. */
  onUpstreamData(chunk: Buffer): void
  /** The server has sent its FIN. */
  onUpstreamEnd(): void
  onUpstreamDrain(): void
  onUpstreamClosed(error: NodeJS.ErrnoException | undefined): void
  /** The time that `wait` set has passed. */
  onUpstreamTimeout(): void
  /** The plain connection stands; TLS begins. */
  onSecuring(): void
}

/** Begins TLS on a connection that stands. */
export type StartTls = (socket: Socket, handler: SocketHandler) => Socket

export interface UpstreamConnectionStart {
  readonly transport: Transport
  readonly timers: TimingWheel
  readonly peer: Peer
  readonly key: string
  readonly options: ConnectOptions
  readonly startTls: StartTls | undefined
}

export class UpstreamConnection implements SocketHandler, TimerOwner, IdleConnection {
  readonly key: string
  older: IdleConnection | undefined = undefined
  newer: IdleConnection | undefined = undefined
  /** `undefined` while it waits. */
  user: ConnectionUser | undefined
  /** Takes what comes while it waits, where the protocol allows that; false ends the connection. */
  onIdleData: ((chunk: Buffer) => boolean) | undefined = undefined
  /** Requests that were sent on it. */
  requests: number = 0
  /** True from its second request on: the server may have closed it without our knowing. */
  reused: boolean = false
  readonly #timers: TimingWheel
  readonly #timer: Timer
  readonly #openedAt: number
  readonly #transport: Transport
  #socket: Socket
  #startTls: StartTls | undefined
  #pool: KeepalivePool<UpstreamConnection> | undefined = undefined
  #sentBefore = 0
  #receivedBefore = 0

  constructor(user: ConnectionUser, start: UpstreamConnectionStart) {
    const { transport, timers, peer, options } = start
    this.key = start.key
    this.user = user
    this.#transport = transport
    this.#timers = timers
    this.#timer = new Timer(this)
    this.#openedAt = transport.clock.now()
    this.#startTls = start.startTls
    this.#socket = transport.connect(peer.address, options, this)
  }

  get socket(): Socket {
    return this.#socket
  }

  /** Bytes of the present request, and of its response. */
  get bytesSent(): number {
    return this.#socket.bytesWritten - this.#sentBefore
  }

  get bytesReceived(): number {
    return this.#socket.bytesRead - this.#receivedBefore
  }

  /** Takes it out of its wait. */
  take(user: ConnectionUser): void {
    this.user = user
    this.reused = true
    this.#pool = undefined
    this.#sentBefore = this.#socket.bytesWritten
    this.#receivedBefore = this.#socket.bytesRead
  }

  /** Sets the time that may pass before something is heard, or taken. */
  wait(ms: number): void {
    this.#timers.arm(this.#timer, ms)
  }

  stopWaiting(): void {
    this.#timers.cancel(this.#timer)
  }

  write(bytes: Buffer): boolean {
    return this.#socket.write(bytes)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Lets it wait for another request, where the pool keeps connections of its age. */
  keep(pool: KeepalivePool<UpstreamConnection>): void {
    const { config } = pool
    const ageMs = this.#transport.clock.now() - this.#openedAt
    if (this.requests >= config.requestsMax || ageMs > config.ageMaxMs) {
      this.close()
      return
    }
    this.user = undefined
    this.#pool = pool
    this.#timers.arm(this.#timer, config.idleMaxMs)
    pool.keep(this)
  }

  /** Ends it; nobody is told. */
  close(): void {
    this.user = undefined
    this.#pool = undefined
    this.#timers.cancel(this.#timer)
    if (!this.#socket.destroyed) this.#socket.destroy()
  }

  /** Hears the server out, for nobody: it shall come to the end of what it does. */
  finishAlone(silenceMaxMs: number): void {
    const close = (): void => this.close()
    this.user = {
      onConnected: close,
      onSecuring: close,
      onUpstreamData: () => this.wait(silenceMaxMs),
      onUpstreamEnd: close,
      onUpstreamDrain: () => undefined,
      onUpstreamClosed: close,
      onUpstreamTimeout: close,
    }
    this.wait(silenceMaxMs)
    this.resume()
  }

  /** Gives the raw connection away, to whom all that comes from now on goes. */
  giveAway(handler: SocketHandler): Socket {
    this.user = undefined
    this.#timers.cancel(this.#timer)
    this.#socket.handler = handler
    return this.#socket
  }

  onConnect(): void {
    const startTls = this.#startTls
    if (startTls === undefined) {
      this.user?.onConnected()
      return
    }
    this.#startTls = undefined
    this.user?.onSecuring()
    this.#socket = startTls(this.#socket, this)
  }

  onData(_socket: Socket, chunk: Buffer): void {
    if (this.user !== undefined) this.user.onUpstreamData(chunk)
    else if (this.onIdleData?.(chunk) !== true) this.#endWait()
  }

  onEnd(): void {
    if (this.user === undefined) this.#endWait()
    else this.user.onUpstreamEnd()
  }

  onDrain(): void {
    this.user?.onUpstreamDrain()
  }

  onClose(socket: Socket, error: NodeJS.ErrnoException | undefined): void {
    if (socket !== this.#socket) return
    const { user } = this
    if (user === undefined) this.#endWait()
    else {
      this.#timers.cancel(this.#timer)
      user.onUpstreamClosed(error)
    }
  }

  onTimeout(): void {
    if (this.user === undefined) this.#endWait()
    else this.user.onUpstreamTimeout()
  }

  #endWait(): void {
    this.#pool?.remove(this)
    this.close()
  }
}
