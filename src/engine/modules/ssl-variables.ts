/** `$ssl_*`: what the handshake with a client has settled, for hosts of either subsystem. */
import type { X509Certificate } from 'node:crypto'
import type { VariableDefinition, VariableHost } from '../core/variables.ts'
import type { SecureSocket } from '../net/tls/secure-socket.ts'

const dayMs = 24 * 60 * 60 * 1000

type Variables<Host extends VariableHost> = Readonly<Record<string, VariableDefinition<Host>>>

/** `socketOf` gives the client's connection where it is under TLS. */
export function sslVariablesOf<Host extends VariableHost>(
  socketOf: (host: Host) => Pick<SecureSocket, 'facts' | 'hello'> | undefined,
): Variables<Host> {
  const factsOf = (host: Host): SecureSocket['facts'] => socketOf(host)?.facts
  /** A variable of the client's certificate; without one it is empty. */
  const ofCertificate = (
    read: (certificate: X509Certificate) => string,
  ): VariableDefinition<Host> => ({
    get: (host) => {
      const facts = factsOf(host)
      if (facts === undefined) return undefined
      return facts.peerCertificate === undefined ? '' : read(facts.peerCertificate)
    },
  })
  return {
    ssl_protocol: { get: (host) => factsOf(host)?.protocol },
    ssl_cipher: { get: (host) => factsOf(host)?.cipher },
    ssl_alpn_protocol: { get: (host) => factsOf(host)?.alpn },
    ssl_server_name: { get: (host) => socketOf(host)?.hello?.serverName },
    ssl_session_reused: {
      get: (host) => {
        const facts = factsOf(host)
        return facts && (facts.sessionReused ? 'r' : '.')
      },
    },
    ssl_client_verify: { get: (host) => verification(factsOf(host)) },
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
}

function verification(facts: SecureSocket['facts']): string | undefined {
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
