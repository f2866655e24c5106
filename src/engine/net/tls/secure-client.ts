/** TLS towards upstreams, on a connection that is already established. */
import { isIP } from 'node:net'
import type { SslConnection, SslRole } from '../openssl/ssl-connection.ts'
import type { Socket, SocketHandler } from '../socket.ts'
import { SecureSocket, type SecureSocketOptions } from './secure-socket.ts'
import type { SessionCache } from './session-cache.ts'
import type { TlsContext } from './tls-contexts.ts'
import type { TlsFacts, VerifyFault } from './tls-facts.ts'

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
  secure.begin(settings.context, roleOf(settings), {
    check: (facts) => verify(facts, settings),
    prepare: (ssl) => prepare(ssl, settings),
  })
  return secure
}

function roleOf({ alpn = [], verify: wanted, sessions }: TlsClientSettings): SslRole {
  return {
    side: 'client',
    alpn,
    ...(wanted !== undefined && { verifyDepth: wanted.depth }),
    ...(sessions !== undefined && {
      onSession: (session: Buffer) => sessions.cache.set(sessions.key, session),
    }),
  }
}

function prepare(ssl: SslConnection, { serverName, sessions, alpn = [] }: TlsClientSettings): void {
  if (serverName !== undefined && isIP(serverName) === 0) ssl.setServerName(serverName)
  if (alpn.length > 0) ssl.offer(alpn)
  const session = sessions?.cache.get(sessions.key)
  if (session !== undefined) ssl.resume(session)
}

function verify(facts: TlsFacts, { verify: wanted }: TlsClientSettings): Error | undefined {
  if (wanted === undefined) return undefined
  const { peerCertificate, verifyFault } = facts
  if (verifyFault !== undefined) return certificateError(verifyFault)
  return peerCertificate?.isFor(wanted.name) !== true
    ? new UpstreamCertificateError(`upstream SSL certificate does not match "${wanted.name}"`)
    : undefined
}

function certificateError({ number, text }: VerifyFault): Error {
  return new UpstreamCertificateError(`upstream SSL certificate verify error: (${number}:${text})`)
}
