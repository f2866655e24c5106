/** TLS towards upstreams, on a connection that is already established. */
import { isIP } from 'node:net'
import { checkServerIdentity, connect, type TLSSocket } from 'node:tls'
import { idleHandler } from '../idle-handler.ts'
import type { Socket, SocketHandler } from '../socket.ts'
import { SecureSocket, type SecureSocketOptions } from './secure-socket.ts'
import type { SessionCache } from './session-cache.ts'
import { takeStream } from './take-stream.ts'
import type { TlsContext } from './tls-contexts.ts'
import { chainTooLong, type TlsFacts, type VerifyFault } from './tls-facts.ts'

export interface TlsClientSettings {
  readonly context: TlsContext
  /** Sent as SNI; never an address (RFC 6066 §3). */
  readonly serverName?: string
  /** Present: the upstream's certificate must be trusted, and be for `name`. */
  readonly verify?: { readonly name: string; readonly depth: number }
  readonly alpn?: readonly string[]
  /** Present: sessions are kept under `key` and resumed. */
  readonly sessions?: { readonly cache: SessionCache; readonly key: string }
}

/** The upstream's certificate is not what it must be; worded as nginx logs it. */
export class UpstreamCertificateError extends Error {
  readonly code = 'ERR_TLS_CERT_INVALID'

  constructor(text: string) {
    super(text)
    this.name = 'UpstreamCertificateError'
  }
}

/**
 * Starts TLS on `socket`, which must be connected and have nothing queued; it is `handler`'s from here on
 * through the returned object alone. `onConnect` follows the handshake.
 */
export function secureClient(
  socket: Socket,
  handler: SocketHandler,
  options: SecureSocketOptions & { readonly settings: TlsClientSettings },
): SecureSocket {
  const { settings } = options
  const secure = new SecureSocket(socket, handler, options)
  socket.handler = idleHandler
  const stream = startClient(socket, settings)
  const { sessions } = settings
  if (sessions !== undefined) {
    stream.on('session', (session: Buffer) => sessions.cache.set(sessions.key, session))
  }
  secure.upgrade(stream, 'secureConnect', (_, facts) => verify(facts, settings))
  return secure
}

function startClient(socket: Socket, settings: TlsClientSettings): TLSSocket {
  const { serverName, sessions, alpn } = settings
  const session = sessions?.cache.get(sessions.key)
  return connect({
    socket: takeStream(socket, Buffer.alloc(0)),
    secureContext: settings.context.secure,
    // Judged by us after the handshake, to tell nginx's reasons apart.
    rejectUnauthorized: false,
    ...(serverName === undefined || isIP(serverName) !== 0 ? {} : { servername: serverName }),
    ...(session === undefined ? {} : { session }),
    ...(alpn === undefined || alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
  })
}

function verify(facts: TlsFacts, { verify: wanted }: TlsClientSettings): Error | undefined {
  if (wanted === undefined) return undefined
  const fault = facts.intermediates > wanted.depth ? chainTooLong : facts.verifyFault
  if (fault !== undefined) return certificateError(fault)
  const { peerCertificate } = facts
  const mismatch =
    peerCertificate === undefined ||
    checkServerIdentity(wanted.name, peerCertificate.toLegacyObject()) !== undefined
  return mismatch
    ? new UpstreamCertificateError(`upstream SSL certificate does not match "${wanted.name}"`)
    : undefined
}

function certificateError({ number, text }: VerifyFault): Error {
  return new UpstreamCertificateError(`upstream SSL certificate verify error: (${number}:${text})`)
}
