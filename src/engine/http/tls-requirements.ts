/** What TLS has to say about a request, beyond its handshake. */
import { SecureSocket } from '../net/tls/secure-socket.ts'
import type { Request } from './request.ts'
import type { HttpServer } from './server.ts'
import { statuses } from './status.ts'

/** A request that came by other means than its port asks for, or without the certificate its server wants. */
export interface TlsState {
  /** The port wants TLS. */
  readonly wanted: boolean
  /** The server that the handshake was for; `undefined` without TLS. */
  readonly server: HttpServer | undefined
}

/** 0, or the status of the refusal. */
export function refusalByTls(request: Request, { wanted, server }: TlsState): number {
  if (server === undefined) return wanted ? statuses.toHttps : 0
  const { tls } = request.server
  if (tls?.verifies !== true) return 0
  // A certificate was judged by the rules of the name in the handshake, which are not this server's.
  if (server.node !== request.server.node) {
    const what =
      'client attempted to request the server name different from the one that was negotiated'
    request.logError(what, 'info')
    return 421
  }
  const { socket } = request.connection
  const facts = socket instanceof SecureSocket ? socket.facts : undefined
  const refusal = facts && tls.refusalOf(facts)
  if (refusal === undefined) return 0
  request.logError(refusal, 'info')
  return facts?.peerCertificate === undefined ? statuses.noCertificate : statuses.badCertificate
}
