/** Settings of a handshake whose certificates hang on the client: `ssl_certificate $ssl_server_name.crt`. */
import { ConfError } from '../conf/diagnostics.ts'
import type { ServerChoice } from '../net/tls/secure-server.ts'
import type { ConnectionStart } from './client-connection.ts'
import { HttpConnection } from './connection.ts'
import { Request } from './request.ts'
import type { HttpServer } from './server.ts'
import type { ServerTls } from './server-tls.ts'

export interface HandshakeStart extends ConnectionStart {
  readonly server: HttpServer
}

/** Variables are read as by a request that has said nothing yet; `fail` where there is no such certificate. */
export function settingsForClient(
  tls: ServerTls,
  start: HandshakeStart,
  http2: boolean,
): ServerChoice {
  const fixed = http2 ? tls.http2Settings : tls.settings
  if (tls.settingsFor === undefined) return fixed ?? 'reject'
  try {
    const settings = tls.settingsFor(beginRequest(start))
    return fixed === undefined ? settings : { ...settings, alpn: fixed.alpn }
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    start.server.errorLog.write('error', `${error.message} while SSL handshaking`)
    return 'fail'
  }
}

/** Of a connection that does not begin: HTTP does when the handshake is done. */
function beginRequest(start: HandshakeStart): Request {
  const { socket, server } = start
  const { handler } = socket
  const connection = new HttpConnection(start)
  socket.handler = handler
  const request = new Request(connection, connection, server, server.headLimits)
  request.open(connection, connection, server)
  return request
}
