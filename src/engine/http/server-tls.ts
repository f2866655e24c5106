/** TLS of a virtual server towards its clients, as it is compiled. */
import type { ServerSsl } from '../modules/server-ssl.ts'

export interface ServerTls extends ServerSsl {
  /** True when clients must or may show a certificate: then a request stays with the name of its handshake. */
  readonly verifies: boolean
  readonly requiresCertificate: boolean
}
