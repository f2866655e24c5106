/**
 * A connection under TLS behind the data plane's contract, on top of any other that keeps it.
 *
 * One object from the first byte on. `onConnect` tells that the handshake is done; a handshake that fails
 * ends in `onClose` with an error, and `onConnect` never came.
 *
 * ```text
 *   plain socket ──hello──▶ handshake ──▶ onConnect ──▶ onData* ──▶ onEnd? ──▶ onClose
 *        └───────────────────┴──────────────────────────────────────────────▶ onClose(error)
 * ```
 *
 * What one read of the plain socket brings is opened as a whole and delivered as one chunk; what is
 * written in one call leaves in one call.
 */
import type { Address } from '../address.ts'
import type { ClientHello } from '../client-hello.ts'
import { recordBytesMax } from '../openssl/libssl.ts'
import { SslConnection, type SslRole } from '../openssl/ssl-connection.ts'
import type { Socket, SocketHandler } from '../socket.ts'
import type { Timer, TimerOwner, TimingWheel } from '../timing-wheel.ts'
import { Timer as WheelTimer } from '../timing-wheel.ts'
import type { TlsContext } from './tls-contexts.ts'
import { collectFacts, type TlsFacts } from './tls-facts.ts'

export interface SecureSocketOptions {
  /** Time for the whole handshake, waiting for the hello included; absent: the caller sees to it. */
  readonly timeout?: { readonly wheel: TimingWheel; readonly ms: number }
}

/** Looks at a finished handshake; what it returns ends the connection. */
export type HandshakeCheck = (facts: TlsFacts) => Error | undefined

/** Sealed at once: what comes of it has room in OpenSSL's output. */
const sealBytesMax: number = 4 * recordBytesMax

const nothing: Buffer = Buffer.alloc(0)

export class SecureSocket implements Socket, SocketHandler, TimerOwner {
  handler: SocketHandler
  /** Of the client's hello; undefined on connections that we opened. */
  hello: ClientHello | undefined = undefined
  readonly remote: Address
  bytesRead = 0
  bytesWritten = 0
  readonly #plain: Socket
  readonly #wheel: TimingWheel | undefined
  readonly #timer: Timer
  #ssl: SslConnection | undefined = undefined
  #check: HandshakeCheck | undefined = undefined
  #facts: TlsFacts | undefined = undefined
  #secure = false
  #ending = false
  #ended = false
  #paused = false
  /** Came with the end of the handshake, or while nobody wanted to read. */
  #held: Buffer = nothing
  #error: Error | undefined = undefined

  constructor(plain: Socket, handler: SocketHandler, options: SecureSocketOptions) {
    this.#plain = plain
    this.handler = handler
    this.remote = plain.remote
    this.#wheel = options.timeout?.wheel
    this.#timer = new WheelTimer(this)
    if (options.timeout !== undefined) this.#wheel?.arm(this.#timer, options.timeout.ms)
  }

  /** What the handshake settled; undefined before it is done. */
  get facts(): TlsFacts | undefined {
    return this.#facts
  }

  /** True while what was read may have been sent before by somebody else (RFC 8446 §8). */
  get inEarlyData(): boolean {
    return this.#secure && this.#ssl?.mayComeEarly === true
  }

  get local(): Address {
    return this.#plain.local
  }

  /** Of sealed bytes, which are a little more than those that were written. */
  get queued(): number {
    return this.#plain.queued
  }

  get destroyed(): boolean {
    return this.#plain.destroyed
  }

  get descriptor(): number {
    return this.#plain.descriptor
  }

  /** Begins the handshake; `head` is what was read of it already. */
  begin(context: TlsContext, role: SslRole, options: BeginOptions = {}): SslConnection {
    const ssl = new SslConnection(context.ssl, role)
    this.#ssl = ssl
    this.#check = options.check
    options.prepare?.(ssl)
    this.#plain.handler = this
    if (options.head !== undefined && options.head.length > 0) ssl.feed(options.head)
    this.#shakeHands(ssl)
    return ssl
  }

  write(chunk: Buffer): boolean {
    if (!this.#mayWrite()) return false
    const ssl = this.#ssl!
    const more = this.#seal(ssl, chunk) && this.#flush(ssl)
    return more && !this.destroyed
  }

  writeBoth(head: Buffer, body: Buffer): boolean {
    const ssl = this.#ssl
    if (ssl === undefined || !this.#mayWrite()) return false
    const sum = head.length + body.length
    // One record costs what one costs, however small its parts.
    if (sum <= recordBytesMax) return this.write(ssl.join(head, body))
    const more = this.#seal(ssl, head) && this.#seal(ssl, body) && this.#flush(ssl)
    return more && !this.destroyed
  }

  end(): void {
    if (this.#ending || this.destroyed) return
    this.#ending = true
    if (this.#secure) this.#sayGoodbye()
    this.#plain.end()
  }

  destroy(error?: Error, reset?: boolean): void {
    if (this.destroyed) return
    this.#error ??= error
    const orderly = error === undefined && reset !== true && this.#secure && !this.#ending
    if (orderly && this.#plain.queued === 0) this.#sayGoodbye()
    this.#plain.destroy(error, reset)
  }

  pause(): void {
    this.#paused = true
    this.#plain.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#held.length > 0 || this.#endDue()) setImmediate(this.#deliverHeld)
    else this.#plain.resume()
  }

  setNoDelay(on: boolean): void {
    this.#plain.setNoDelay(on)
  }

  onConnect(): void {}

  onData(_plain: Socket, chunk: Buffer): void {
    const ssl = this.#ssl
    if (ssl === undefined) return
    if (!this.#secure || ssl.mayComeEarly) {
      ssl.feed(chunk)
      this.#shakeHands(ssl)
      return
    }
    const opened = ssl.open(chunk)
    if (opened.length > 0) this.#deliver(opened)
    if (ssl.ended || ssl.fault !== undefined) this.#stopReading(ssl)
  }

  /** Without a goodbye of TLS, which many leave out: taken for one, as nginx does. */
  onEnd(): void {
    if (!this.#secure) this.destroy(new HandshakeClosedError())
    else this.#noteEnd()
  }

  onDrain(): void {
    if (this.#secure && !this.#ending) this.handler.onDrain(this)
  }

  onClose(_plain: Socket, error: NodeJS.ErrnoException | undefined): void {
    this.#wheel?.cancel(this.#timer)
    const silent = error === undefined && this.#error === undefined && !this.#secure
    const reason = this.#error ?? error ?? (silent ? new HandshakeClosedError() : undefined)
    try {
      this.handler.onClose(this, reason)
    } finally {
      this.#ssl?.free()
      this.#ssl = undefined
    }
  }

  onTimeout(): void {
    this.destroy(new HandshakeTimeoutError())
  }

  #mayWrite(): boolean {
    return this.#secure && !this.#ending && !this.destroyed
  }

  #seal(ssl: SslConnection, chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length; at += sealBytesMax) {
      const piece = chunk.length <= sealBytesMax ? chunk : chunk.subarray(at, at + sealBytesMax)
      if (at > 0) this.#flush(ssl)
      if (!ssl.seal(piece)) {
        this.destroy(new TlsError('SSL_write()', ssl.fault ?? ''))
        return false
      }
      this.bytesWritten += piece.length
    }
    return true
  }

  /** Sends what OpenSSL has to say. */
  #flush(ssl: SslConnection): boolean {
    const out = ssl.output()
    return out.length === 0 || this.#plain.write(out)
  }

  #shakeHands(ssl: SslConnection): void {
    const progress = ssl.handshake()
    if (progress === 'done') {
      // Before anything else runs: what came behind the handshake lies where other connections' bytes go.
      const rest = ssl.open(nothing)
      this.#proceed(ssl, Buffer.concat([ssl.takeEarly(), rest]))
    } else if (progress === 'early') {
      this.#proceed(ssl, ssl.takeEarly())
    } else {
      this.#flush(ssl)
      if (progress !== 'more') this.destroy(new TlsError('SSL_do_handshake()', progress.fault))
    }
  }

  /** The connection can be used, if it could not before. */
  #proceed(ssl: SslConnection, read: Buffer): void {
    this.#flush(ssl)
    if (!this.#secure && !this.#announce(ssl)) return
    this.#held = this.#held.length === 0 ? read : Buffer.concat([this.#held, read])
    this.#deliverHeld()
    if (ssl.ended || ssl.fault !== undefined) this.#stopReading(ssl)
  }

  /** False when the connection ends by it. */
  #announce(ssl: SslConnection): boolean {
    this.#wheel?.cancel(this.#timer)
    this.#facts = collectFacts(ssl.address, this.hello)
    const fault = this.#check?.(this.#facts)
    if (fault !== undefined) this.destroy(fault)
    if (this.destroyed) return false
    this.#secure = true
    this.handler.onConnect(this)
    return !this.destroyed
  }

  #deliver(chunk: Buffer): void {
    this.bytesRead += chunk.length
    this.handler.onData(this, chunk)
  }

  readonly #deliverHeld = (): void => {
    if (this.#paused || this.destroyed) return
    const held = this.#held
    this.#held = nothing
    if (held.length > 0) this.#deliver(held)
    if (this.destroyed) return
    if (this.#endDue()) this.#noteEnd()
    if (!this.#paused) this.#plain.resume()
  }

  /** The peer's end was read while nobody wanted to hear of it. */
  #endDue(): boolean {
    return !this.#ended && this.#ssl?.ended === true
  }

  #stopReading(ssl: SslConnection): void {
    if (this.destroyed) return
    if (ssl.fault === undefined) {
      this.#noteEnd()
      return
    }
    // The alert that says what is wrong.
    this.#flush(ssl)
    this.destroy(new TlsError('SSL_read()', ssl.fault))
  }

  #noteEnd(): void {
    if (this.#ended || this.destroyed || this.#paused) return
    this.#ended = true
    this.handler.onEnd(this)
  }

  #sayGoodbye(): void {
    const ssl = this.#ssl
    if (ssl === undefined) return
    ssl.shutdown()
    this.#flush(ssl)
  }
}

export interface BeginOptions {
  readonly head?: Buffer
  readonly check?: HandshakeCheck
  /** Before the first message. */
  readonly prepare?: (ssl: SslConnection) => void
}

/** OpenSSL refused what came, or would not do what it was asked. */
export class TlsError extends Error {
  readonly code = 'ERR_TLS'

  constructor(call: string, reason: string) {
    super(reason === '' ? `${call} failed` : `${call} failed (SSL: ${reason})`)
    this.name = 'TlsError'
  }
}

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
