/** Instructions that change something inside one server: they go when the server goes. */
import type { DynamicState } from './dynamic-state.ts'
import type { Edit } from './instruction.ts'
import {
  type CertificateKind,
  certificatesOf,
  httpCertificate,
  streamCertificate,
} from './instructions/certificate.ts'
import { revocationList } from './instructions/revocation-list.ts'
import { serverId, textId } from './server-address.ts'
import type { IndexedServer, SubsystemName } from './server-index.ts'

/** Key of one certificate given to a server. */
export function certificateKey(
  { topic }: CertificateKind,
  server: IndexedServer,
  certificate: string,
): string {
  return `${topic}${serverId(server)}_${textId(certificate)}`
}

/** Key of the list of revoked certificates given to a server. */
export function revocationListKey(server: IndexedServer): string {
  return `${revocationList.topic}${serverId(server)}`
}

/** Keys that its certificates have if they were given to it by instruction. */
export function certificateKeys(
  subsystem: SubsystemName,
  server: IndexedServer,
): readonly string[] {
  const kind = subsystem === 'http' ? httpCertificate : streamCertificate
  return certificatesOf(server.node).map((info) => certificateKey(kind, server, info.certificate))
}

/** Edits that take away what was put into a server or changed inside it. */
export function overridesOf(
  { instructions }: DynamicState,
  subsystem: SubsystemName,
  server: IndexedServer,
): readonly Edit[] {
  const keys = [
    ...[...server.parts.values()].map(({ instruction }) => instruction),
    ...certificateKeys(subsystem, server),
    revocationListKey(server),
  ]
  return keys.filter((key) => instructions.has(key)).map((key) => ({ key, body: null }))
}
