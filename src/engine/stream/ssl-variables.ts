/** `$ssl_*`: what the handshake with a client has settled. */
import type { X509Certificate } from 'node:crypto'
import type { SessionVariables } from './module.ts'
import { cipherName, curveName } from './tls-names.ts'
import type { Session } from './session.ts'

const dayMs = 24 * 60 * 60 * 1000

function certificateOf({ facts }: Session): X509Certificate | undefined {
  return facts.tls?.facts?.peerCertificate
}

/** A variable of the client's certificate; without one it is empty. */
function ofCertificate(read: (certificate: X509Certificate) => string): SessionVariables[string] {
  return {
    get: (session) => {
      if (session.facts.tls === undefined) return undefined
      const certificate = certificateOf(session)
      return certificate === undefined ? '' : read(certificate)
    },
  }
}

export const sslVariables: SessionVariables = {
  ssl_protocol: { get: ({ facts }) => facts.tls?.facts?.protocol },
  ssl_cipher: { get: ({ facts }) => facts.tls?.facts?.cipher },
  ssl_ciphers: { get: ({ facts }) => facts.tls?.hello?.ciphers.map(cipherName).join(':') },
  ssl_curves: { get: ({ facts }) => facts.tls?.hello?.groups.map(curveName).join(':') },
  ssl_alpn_protocol: { get: ({ facts }) => facts.tls?.facts?.alpn },
  ssl_server_name: { get: ({ facts }) => facts.tls?.hello?.serverName },
  ssl_session_reused: {
    get: ({ facts }) => facts.tls?.facts && (facts.tls.facts.sessionReused ? 'r' : '.'),
  },
  ssl_client_verify: { get: (session) => verification(session) },
  ssl_client_raw_cert: ofCertificate((certificate) => certificate.toString()),
  ssl_client_cert: ofCertificate((certificate) =>
    // Lines after the first begin with a tab, as in a folded header.
    certificate.toString().trimEnd().replaceAll('\n', '\n\t'),
  ),
  ssl_client_escaped_cert: ofCertificate((certificate) =>
    encodeURIComponent(certificate.toString()),
  ),
  ssl_client_fingerprint: ofCertificate(({ fingerprint }) =>
    fingerprint.replaceAll(':', '').toLowerCase(),
  ),
  ssl_client_s_dn: ofCertificate(({ subject }) => distinguishedName(subject)),
  ssl_client_i_dn: ofCertificate(({ issuer }) => distinguishedName(issuer)),
  ssl_client_serial: ofCertificate(({ serialNumber }) => serialNumber),
  ssl_client_v_start: ofCertificate(({ validFrom }) => validFrom),
  ssl_client_v_end: ofCertificate(({ validTo }) => validTo),
  ssl_client_v_remain: ofCertificate(({ validTo }) => daysUntil(validTo)),
}

function verification(session: Session): string | undefined {
  const facts = session.facts.tls?.facts
  if (facts === undefined) return undefined
  if (facts.peerCertificate === undefined) return 'NONE'
  return facts.verifyFault === undefined ? 'SUCCESS' : `FAILED:${facts.verifyFault.text}`
}

/** RFC 2253: the most particular part first, parts joined by commas. */
function distinguishedName(lines: string): string {
  return lines.split('\n').toReversed().join(',')
}

function daysUntil(date: string): string {
  const left = Date.parse(date) - Date.now()
  return String(Math.max(0, Math.floor(left / dayMs)))
}
