/**
 * A connection under TLS behind the data plane's contract.
 *
 * One object from the first byte on: while a server waits for the ClientHello it stands on the plain
 * socket, from the handshake on upon Node's TLS stream. `onConnect` tells that the handshake is done; a
 * handshake that fails ends in `onClose` with an error, and `onConnect` never came.
 *
 * ```text
 *   plain socket ──hello──▶ TLS stream ──handshake──▶ onConnect ──▶ onData* …
 *        └───────────────────┴──────────────┴─▶ onClose(error)
 * ```
 */
import type { TLSSocket } from 'node:tls'
import type { Address } from '../address.ts'
import type { ClientHello } from '../client-hello.ts'
import { NodeSocket } from '../node/node-socket.ts'
import type { Socket, SocketHandler } from '../socket.ts'
import type { Timer, TimerOwner, TimingWheel } from '../timing-wheel.ts'
import { Timer as WheelTimer } from '../timing-wheel.ts'
import type { Transport } from '../transport.ts'
import { collectFacts, type TlsFacts } from './tls-facts.ts'

export interface SecureSocketOptions {
  readonly transport?: Transport
  /** Time for the whole handshake, waiting for the hello included; absent: the caller sees to it. */
  readonly timeout?: { readonly wheel: TimingWheel; readonly ms: number }
}

export class SecureSocket implements Socket, SocketHandler, TimerOwner {
  handler: SocketHandler
  /** Of the client's hello; undefined on connections that we opened. */
  hello: ClientHello | undefined = undefined
  readonly remote: Address
  readonly local: Address
  readonly #wheel: TimingWheel | undefined
  readonly #timer: Timer
  #inner: Socket
  #facts: TlsFacts | undefined = undefined
  #secure = false
  #error: Error | undefined = undefined

  constructor(plain: Socket, handler: SocketHandler, options: SecureSocketOptions) {
    this.#inner = plain
    this.handler = handler
    this.remote = plain.remote
    this.local = plain.local
    this.#wheel = options.timeout?.wheel
    this.#timer = new WheelTimer(this)
    if (options.timeout !== undefined) this.#wheel?.arm(this.#timer, options.timeout.ms)
  }

  /** What the handshake settled; undefined before it is done. */
  get facts(): TlsFacts | undefined {
    return this.#facts
  }

  get bytesRead(): number {
    return this.#inner.bytesRead
  }

  get bytesWritten(): number {
    return this.#inner.bytesWritten
  }

  get queued(): number {
    return this.#inner.queued
  }

  get destroyed(): boolean {
    return this.#inner.destroyed
  }

  get descriptor(): number {
    return this.#inner.descriptor
  }

  /** Goes over to TLS; `ready` is the event that tells that the handshake is done. */
  upgrade(stream: TLSSocket, ready: 'secure' | 'secureConnect', check: HandshakeCheck): void {
    this.#inner = new NodeSocket(stream, this, {
      remote: this.remote,
      connecting: false,
    })
    stream.once(ready, () => this.#handshaken(stream, check))
    // Without a server of Node's around it, a stream only tells of an error; closing is ours.
    stream.on('_tlsError', (error: Error) => this.destroy(error))
  }

  write(chunk: Buffer): boolean {
    return this.#inner.write(chunk)
  }

  writeBoth(head: Buffer, body: Buffer): boolean {
    return this.#inner.writeBoth(head, body)
  }

  end(): void {
    this.#inner.end()
  }

  destroy(error?: Error, reset?: boolean): void {
    this.#error ??= error
    this.#inner.destroy(error, reset)
  }

  pause(): void {
    this.#inner.pause()
  }

  resume(): void {
    this.#inner.resume()
  }

  setNoDelay(on: boolean): void {
    this.#inner.setNoDelay(on)
  }

  onConnect(): void {}

  onData(_: Socket, chunk: Buffer): void {
    this.handler.onData(this, chunk)
  }

  onEnd(): void {
    if (this.#secure) this.handler.onEnd(this)
    else this.destroy(new HandshakeClosedError())
  }

  onDrain(): void {
    this.handler.onDrain(this)
  }

  onClose(_: Socket, error: NodeJS.ErrnoException | undefined): void {
    this.#wheel?.cancel(this.#timer)
    const silent = error === undefined && this.#error === undefined && !this.#secure
    this.handler.onClose(
      this,
      this.#error ?? error ?? (silent ? new HandshakeClosedError() : undefined),
    )
  }

  onTimeout(): void {
    this.destroy(new HandshakeTimeoutError())
  }

  #handshaken(stream: TLSSocket, check: HandshakeCheck): void {
    if (this.destroyed) return
    this.#wheel?.cancel(this.#timer)
    this.#facts = collectFacts(stream, this.hello)
    const fault = check(stream, this.#facts)
    if (fault !== undefined) {
      this.destroy(fault)
      return
    }
    this.#secure = true
    this.handler.onConnect(this)
  }
}

/** Looks at a finished handshake; what it returns ends the connection. */
export type HandshakeCheck = (stream: TLSSocket, facts: TlsFacts) => Error | undefined

export class HandshakeTimeoutError extends Error {
  readonly code = 'ETIMEDOUT'

  constructor() {
    super('SSL handshake timed out')
    this.name = 'HandshakeTimeoutError'
  }
}

export class HandshakeClosedError extends Error {
  readonly code = 'ECONNRESET'

  constructor() {
    super('peer closed connection in SSL handshake')
    this.name = 'HandshakeClosedError'
  }
}
