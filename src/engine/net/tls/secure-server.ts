/**
 * TLS on accepted connections.
 *
 * The ClientHello is read here, before OpenSSL sees it: which server answers, and with which certificates,
 * ALPN protocols and demands on the client, is settled by a plain look-up of the name, and a name that
 * nobody serves is refused without a handshake.
 */
import { clientHelloBytesMax, parseClientHello, type ClientHello } from '../client-hello.ts'
import type { Socket, SocketHandler } from '../socket.ts'
import { SecureSocket, type SecureSocketOptions } from './secure-socket.ts'
import type { TlsContext } from './tls-contexts.ts'

/** What one virtual server wants of a handshake. */
export interface TlsServerSettings {
  readonly context: TlsContext
  /** Asks the client for a certificate; whether it must be there and good is judged by `facts`. */
  readonly requestCertificate: boolean
  /** Longest chain of the client's certificate, its own and the root left out. */
  readonly verifyDepth?: number
  /** In order of preference; a client that offers others only is refused. Empty: none is agreed on. */
  readonly alpn: readonly string[]
}

export interface SecureServerOptions extends SecureSocketOptions {
  /**
   * Chooses by the client's hello, which is undefined when what came is no ClientHello: OpenSSL then words
   * the alert. `reject` refuses with the alert unrecognized_name, as `ssl_reject_handshake` does; `fail`
   * says that the fault is the server's.
   */
  readonly select: (hello: ClientHello | undefined, socket: SecureSocket) => ServerChoice
  /** Bytes that were read already, such as those after a PROXY protocol header. */
  readonly head?: Buffer
}

export type ServerChoice = TlsServerSettings | 'reject' | 'fail'

/** Alerts, TLS 1.2 records: fatal (2), unrecognized_name (112, RFC 6066 §3) and internal_error (80). */
const alerts: Readonly<Record<'reject' | 'fail', Buffer>> = {
  reject: Buffer.from([21, 3, 3, 0, 2, 2, 112]),
  fail: Buffer.from([21, 3, 3, 0, 2, 2, 80]),
}

/** A hello with the headers of its records, a little more than any that is accepted. */
const collectedBytesMax: number = clientHelloBytesMax + 1024

/**
 * Starts TLS on `socket`, which is `handler`'s from here on through the returned object alone. Reading
 * must not be paused.
 */
export function secureServer(
  socket: Socket,
  handler: SocketHandler,
  options: SecureServerOptions,
): SecureSocket {
  const secure = new SecureSocket(socket, handler, options)
  const reader = new HelloReader(secure, options)
  socket.handler = reader
  if (options.head !== undefined && options.head.length > 0) reader.onData(socket, options.head)
  return secure
}

/** Thrown away connections of names that nobody serves. */
export class HandshakeRejectedError extends Error {
  readonly code = 'ERR_SSL_HANDSHAKE_REJECTED'

  constructor() {
    super('handshake rejected')
    this.name = 'HandshakeRejectedError'
  }
}

class HelloReader implements SocketHandler {
  readonly #secure: SecureSocket
  readonly #options: SecureServerOptions
  #bytes: Buffer = Buffer.alloc(0)

  constructor(secure: SecureSocket, options: SecureServerOptions) {
    this.#secure = secure
    this.#options = options
  }

  onConnect(): void {}

  onData(socket: Socket, chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const hello = parseClientHello(this.#bytes)
    if (hello === 'incomplete' && this.#bytes.length < collectedBytesMax) return
    this.#answer(socket, typeof hello === 'string' ? undefined : hello)
  }

  onEnd(): void {
    this.#secure.onEnd()
  }

  onDrain(): void {}

  onClose(socket: Socket, error: NodeJS.ErrnoException | undefined): void {
    this.#secure.onClose(socket, error)
  }

  #answer(socket: Socket, hello: ClientHello | undefined): void {
    const secure = this.#secure
    secure.hello = hello
    const settings = this.#options.select(hello, secure)
    // Choosing may have ended the connection.
    if (socket.destroyed) return
    if (typeof settings === 'string') {
      socket.write(alerts[settings])
      secure.destroy(new HandshakeRejectedError())
      return
    }
    const role = {
      side: 'server',
      requestCertificate: settings.requestCertificate,
      alpn: settings.alpn,
      earlyData: settings.context.earlyData,
      ...(settings.verifyDepth !== undefined && { verifyDepth: settings.verifyDepth }),
    } as const
    secure.begin(settings.context, role, { head: this.#bytes })
  }
}
