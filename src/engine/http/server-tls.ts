/** TLS of a virtual server towards its clients, as it is compiled. */
import type { ServerSsl } from '../modules/server-ssl.ts'
import type { TlsServerSettings } from '../net/tls/secure-server.ts'

export interface ServerTls extends ServerSsl {
  /** `settings`, with HTTP/2 offered before all other protocols. */
  readonly http2Settings: TlsServerSettings | undefined
  /** True when clients must or may show a certificate: then a request stays with the name of its handshake. */
  readonly verifies: boolean
  readonly requiresCertificate: boolean
}
