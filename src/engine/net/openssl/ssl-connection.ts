/**
 * One TLS connection of OpenSSL's, apart from any socket: bytes of records go in and out as memory.
 *
 * ```text
 *   sealed bytes ──feed──▶ ┌───────┐ ──open──▶ plain bytes
 *                          │  SSL  │
 *   sealed bytes ◀─output─ └───────┘ ◀──seal── plain bytes
 * ```
 *
 * All connections share one memory in each direction. Whoever feeds takes out everything in the same go
 * (what is left of a record stays in the connection), so that it is empty whenever control goes elsewhere:
 * a thousand idle connections hold no buffers.
 */
import { addressOf } from '../ffi/arena.ts'
import { requireSystem } from '../ffi/libc.ts'
import {
  SSL_CTRL_SET_TLSEXT_HOSTNAME,
  SSL_ERROR_WANT_READ,
  SSL_ERROR_ZERO_RETURN,
  SSL_READ_EARLY_DATA_ERROR,
  SSL_READ_EARLY_DATA_FINISH,
  SSL_READ_EARLY_DATA_SUCCESS,
  SSL_VERIFY_NONE,
  SSL_VERIFY_PEER,
  TLSEXT_NAMETYPE_host_name,
} from './constants.ts'
import { type OpenSsl, openssl, type Pointer } from './libssl.ts'
import { bufMemBytes, InputBio, OutputBio } from './memory-bio.ts'
import { takeErrors } from './openssl-error.ts'
import {
  type CallbackOwner,
  callbacks,
  type ContextAnswers,
  parseSession,
  setCallbackOwner,
} from './ssl-callbacks.ts'
import type { SslContext } from './ssl-context.ts'

/** Views up to this size are kept: most pieces are small, and a view costs as much as they do. */
const cachedViewBytesMax = 8 * 1024

/** `type:1 version:2 length:2`. */
const recordHeaderBytes = 5

export interface SslRole {
  readonly side: 'server' | 'client'
  readonly requestCertificate?: boolean
  readonly verifyDepth?: number
  readonly alpn: readonly string[]
  /** Takes what a client sends before the handshake is done (RFC 8446 §2.3); the context must allow it. */
  readonly earlyData?: boolean
  readonly onSession?: (session: Buffer) => void
}

/** How far a handshake came; `early`: there is early data to be taken. */
export type Progress = 'done' | 'more' | 'early' | { readonly fault: string }

const nothing: Buffer = Buffer.alloc(0)

interface Pipes {
  readonly input: InputBio
  readonly output: OutputBio
  readonly plainViews: (Buffer | undefined)[]
  readonly sealedViews: (Buffer | undefined)[]
}

let sharedPipes: Pipes | undefined

function pipes(): Pipes {
  sharedPipes ??= createPipes()
  return sharedPipes
}

function createPipes(): Pipes {
  const arena = requireSystem().createArena(2 * bufMemBytes)
  return {
    input: new InputBio(arena.take(bufMemBytes)),
    output: new OutputBio(arena.take(bufMemBytes), openssl().sealed),
    plainViews: [],
    sealedViews: [],
  }
}

export class SslConnection implements CallbackOwner {
  readonly context: SslContext
  readonly side: 'server' | 'client'
  readonly alpn: readonly string[]
  /** The peer has said that nothing more comes. */
  ended = false
  /** Why what came cannot be read, once that is so. */
  fault: string | undefined = undefined
  readonly #lib: OpenSsl = openssl()
  readonly #pipes: Pipes = pipes()
  readonly #onSession: ((session: Buffer) => void) | undefined
  #ssl: Pointer
  /** A client may still send early data, and is answered before the handshake is done. */
  #mayComeEarly: boolean
  #early: Buffer = nothing
  /** True when no part of a record waits in the connection. */
  #aligned = false

  constructor(context: SslContext, role: SslRole) {
    this.context = context
    this.side = role.side
    this.alpn = role.alpn
    this.#onSession = role.onSession
    this.#mayComeEarly = role.earlyData === true
    this.#ssl = this.#create(context, role)
  }

  /** For what is asked once, after the handshake. */
  get address(): Pointer {
    return this.#ssl
  }

  get answers(): ContextAnswers {
    return this.context.answers
  }

  onSession(session: Buffer): void {
    this.#onSession?.(session)
  }

  /** Sent as SNI; never an address (RFC 6066 §3). */
  setServerName(name: string): void {
    const { SSL_ctrlText: control } = this.#lib
    control(this.#ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name)
  }

  /** Protocols that the server may choose from. */
  offer(protocols: readonly string[]): void {
    const list = Buffer.concat(
      protocols.map((name) => Buffer.concat([Buffer.of(name.length), Buffer.from(name)])),
    )
    this.#lib.SSL_set_alpn_protos(this.#ssl, list, list.length)
  }

  /** Spares the key exchange where the server remembers; a session that is none is passed over. */
  resume(session: Buffer): void {
    const parsed = parseSession(session)
    if (parsed === 0) return
    this.#lib.SSL_set_session(this.#ssl, parsed)
    this.#lib.SSL_SESSION_free(parsed)
  }

  /** At most what one read of a socket brings. */
  feed(chunk: Buffer): void {
    const { length } = chunk
    let address = addressOf(chunk)
    if (address === 0) {
      const { staging } = this.#lib
      if (length > staging.bytes.length) throw new RangeError('too many bytes to be opened at once')
      staging.bytes.set(chunk)
      address = staging.address
    }
    this.#pipes.input.offer(address, length)
  }

  get mayComeEarly(): boolean {
    return this.#mayComeEarly
  }

  /** Early data that has come since the last call. */
  takeEarly(): Buffer {
    const early = this.#early
    this.#early = nothing
    return early
  }

  handshake(): Progress {
    setCallbackOwner(this)
    if (this.#mayComeEarly) {
      const progress = this.#readEarly()
      if (progress !== 'done') return progress
    }
    const result = this.#lib.SSL_do_handshake(this.#ssl)
    if (result === 1) return 'done'
    if (this.#lib.SSL_get_error(this.#ssl, result) === SSL_ERROR_WANT_READ) return 'more'
    this.#fail()
    return { fault: this.fault ?? '' }
  }

  /** Opens what was fed: plain bytes, valid until the next call of any connection. */
  open(chunk: Buffer): Buffer {
    const lib = this.#lib
    setCallbackOwner(this)
    if (chunk.length > 0) this.feed(chunk)
    const { plain } = lib
    const single = this.#aligned && isOneRecord(chunk)
    let length = 0
    while (length < plain.bytes.length) {
      const count = lib.SSL_read(this.#ssl, plain.address + length, plain.bytes.length - length)
      if (count <= 0) {
        this.#noteEnd(count)
        break
      }
      length += count
      // The usual case, which spares asking for what is not there.
      if (single) return this.#view(this.#pipes.plainViews, plain.bytes, length)
    }
    this.#aligned = lib.SSL_has_pending(this.#ssl) === 0
    return this.#view(this.#pipes.plainViews, plain.bytes, length)
  }

  /** Both pieces as one, which fit into a record; valid until the next call. */
  join(head: Buffer, body: Buffer): Buffer {
    const { bytes } = this.#lib.scratch
    head.copy(bytes, 0)
    body.copy(bytes, head.length)
    return bytes.subarray(0, head.length + body.length)
  }

  /** Seals plain bytes; what comes of it is `output`'s. At most 64 KiB at once, and twice that before `output`. */
  seal(chunk: Buffer): boolean {
    if (chunk.length === 0) return true
    setCallbackOwner(this)
    if (this.#mayComeEarly) return this.#sealEarly(chunk)
    const { SSL_write, SSL_writeBuffer } = this.#lib
    const { length } = chunk
    const address = addressOf(chunk)
    const count =
      address > 0
        ? SSL_write(this.#ssl, address, length)
        : SSL_writeBuffer(this.#ssl, chunk, length)
    if (count === length) return true
    this.#fail()
    this.#pipes.output.take()
    return false
  }

  /** Sealed bytes that are to be sent, empty when there are none; valid until the next call. */
  output(): Buffer {
    const { output, sealedViews } = this.#pipes
    return this.#view(sealedViews, this.#lib.sealed.bytes, output.take())
  }

  /** Tells the peer that nothing more comes. */
  shutdown(): void {
    this.#lib.SSL_shutdown(this.#ssl)
    this.#lib.ERR_clear_error()
  }

  free(): void {
    this.#lib.SSL_free(this.#ssl)
    this.#ssl = 0
  }

  #create(context: SslContext, role: SslRole): Pointer {
    const lib = this.#lib
    const { input, output } = this.#pipes
    const ssl = lib.SSL_new(context.address)
    if (ssl === 0) throw new Error(`SSL_new() failed (SSL: ${takeErrors()})`)
    lib.BIO_up_ref(input.address)
    lib.BIO_up_ref(output.address)
    lib.SSL_set_bio(ssl, input.address, output.address)
    if (role.side === 'server') lib.SSL_set_accept_state(ssl)
    else lib.SSL_set_connect_state(ssl)
    // A client judges for itself, by the last fault of the chain as nginx does, not by the first.
    if (role.side === 'client') lib.SSL_set_verify(ssl, SSL_VERIFY_NONE, callbacks().verify)
    else if (role.requestCertificate === true) {
      lib.SSL_set_verify(ssl, SSL_VERIFY_PEER, callbacks().verify)
    }
    if (role.onSession !== undefined) context.tellSessions()
    if (role.verifyDepth !== undefined) lib.SSL_set_verify_depth(ssl, role.verifyDepth)
    return ssl
  }

  /** `done` when no more of it can come: the rest is a handshake like any other. */
  #readEarly(): Progress {
    const lib = this.#lib
    const { plain, results } = lib
    for (;;) {
      const { address, bytes } = plain
      const status = lib.SSL_read_early_data(this.#ssl, address, bytes.length, results.address)
      const length = results.u32[0]!
      if (status !== SSL_READ_EARLY_DATA_ERROR && length > 0) {
        this.#early = Buffer.concat([this.#early, bytes.subarray(0, length)])
      }
      if (status === SSL_READ_EARLY_DATA_SUCCESS) continue
      if (status === SSL_READ_EARLY_DATA_FINISH) {
        this.#mayComeEarly = false
        return 'done'
      }
      if (lib.SSL_get_error(this.#ssl, status) === SSL_ERROR_WANT_READ) {
        return this.#early.length > 0 ? 'early' : 'more'
      }
      this.#fail()
      return { fault: this.fault ?? '' }
    }
  }

  #sealEarly(chunk: Buffer): boolean {
    const { SSL_write_early_data: write, results } = this.#lib
    if (write(this.#ssl, chunk, chunk.length, results.address) === 1) return true
    this.#fail()
    return false
  }

  #noteEnd(result: number): void {
    const why = this.#lib.SSL_get_error(this.#ssl, result)
    if (why === SSL_ERROR_WANT_READ) return
    if (why !== SSL_ERROR_ZERO_RETURN) {
      this.#fail()
      return
    }
    this.ended = true
    this.#pipes.input.clear()
  }

  /** What the connection did not read must not come to the next one. */
  #fail(): void {
    this.fault = takeErrors()
    this.#pipes.input.clear()
  }

  #view(cache: (Buffer | undefined)[], bytes: Buffer, length: number): Buffer {
    if (length > cachedViewBytesMax) return bytes.subarray(0, length)
    return (cache[length] ??= bytes.subarray(0, length))
  }
}

function isOneRecord(chunk: Buffer): boolean {
  const { length } = chunk
  return length > recordHeaderBytes && ((chunk[3]! << 8) | chunk[4]!) + recordHeaderBytes === length
}
