/** Instructions that change something inside one server: they go when the server goes. */
import type { DynamicState } from './dynamic-state.ts'
import type { Edit } from './instruction.ts'
import { certificatesOf, streamCertificate } from './instructions/stream-certificate.ts'
import { streamProxyPass } from './instructions/stream-proxy-pass.ts'
import { serverId, textId } from './server-address.ts'
import type { IndexedServer } from './server-index.ts'

/** Key of a server's changed target. */
export function proxyPassKey(server: IndexedServer): string {
  return `${streamProxyPass.topic}${serverId(server)}`
}

/** Key of one certificate given to a server. */
export function certificateKey(server: IndexedServer, certificate: string): string {
  return `${streamCertificate.topic}${serverId(server)}_${textId(certificate)}`
}

/** Edits that take away what was changed inside a server. */
export function overridesOf(
  { instructions }: DynamicState,
  server: IndexedServer,
): readonly Edit[] {
  const keys = [
    proxyPassKey(server),
    ...certificatesOf(server.node).map(({ certificate }) => certificateKey(server, certificate)),
  ]
  return keys.filter((key) => instructions.has(key)).map((key) => ({ key, body: null }))
}
