/** `$ssl_*`: what the handshake with a client has settled, for hosts of either subsystem. */
import type { VariableDefinition, VariableHost } from '../core/variables.ts'
import type { PeerCertificate } from '../net/tls/peer-certificate.ts'
import type { SecureSocket } from '../net/tls/secure-socket.ts'
import { cipherName, curveName } from './tls-names.ts'

const dayMs = 24 * 60 * 60 * 1000

type Variables<Host extends VariableHost> = Readonly<Record<string, VariableDefinition<Host>>>

/** `socketOf` gives the client's connection where it is under TLS. */
export function sslVariablesOf<Host extends VariableHost>(
  socketOf: (host: Host) => Pick<SecureSocket, 'facts' | 'hello' | 'inEarlyData'> | undefined,
): Variables<Host> {
  const factsOf = (host: Host): SecureSocket['facts'] => socketOf(host)?.facts
  /** A variable of the client's certificate; without one it is empty. */
  const ofCertificate = (
    read: (certificate: PeerCertificate) => string,
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
    ssl_ciphers: {
      get: (host) => socketOf(host)?.hello?.ciphers.map(cipherName).join(':'),
    },
    ssl_curve: { get: (host) => factsOf(host)?.curve },
    ssl_curves: {
      get: (host) => socketOf(host)?.hello?.groups.map(curveName).join(':'),
    },
    ssl_session_id: { get: (host) => factsOf(host)?.sessionId },
    ssl_early_data: {
      get: (host) => {
        const socket = socketOf(host)
        return socket && (socket.inEarlyData ? '1' : '')
      },
      volatile: true,
    },
    ssl_alpn_protocol: { get: (host) => factsOf(host)?.alpn },
    ssl_server_name: { get: (host) => socketOf(host)?.hello?.serverName },
    ssl_session_reused: {
      get: (host) => {
        const facts = factsOf(host)
        return facts && (facts.sessionReused ? 'r' : '.')
      },
    },
    ssl_client_verify: { get: (host) => verification(factsOf(host)) },
    ssl_client_raw_cert: ofCertificate(({ x509 }) => x509.toString()),
    ssl_client_cert: ofCertificate(({ x509 }) =>
      // Lines after the first begin with a tab, as in a folded header.
      x509.toString().trimEnd().replaceAll('\n', '\n\t'),
    ),
    ssl_client_escaped_cert: ofCertificate(({ x509 }) => encodeURIComponent(x509.toString())),
    ssl_client_fingerprint: ofCertificate(({ x509 }) =>
      x509.fingerprint.replaceAll(':', '').toLowerCase(),
    ),
    ssl_client_s_dn: ofCertificate(({ subject }) => subject),
    ssl_client_i_dn: ofCertificate(({ issuer }) => issuer),
    ssl_client_s_dn_legacy: ofCertificate(({ legacySubject }) => legacySubject),
    ssl_client_i_dn_legacy: ofCertificate(({ legacyIssuer }) => legacyIssuer),
    ssl_client_serial: ofCertificate(({ x509 }) => x509.serialNumber),
    ssl_client_v_start: ofCertificate(({ x509 }) => x509.validFrom),
    ssl_client_v_end: ofCertificate(({ x509 }) => x509.validTo),
    ssl_client_v_remain: ofCertificate(({ x509 }) => daysUntil(x509.validTo)),
  }
}

function verification(facts: SecureSocket['facts']): string | undefined {
  if (facts === undefined) return undefined
  if (facts.peerCertificate === undefined) return 'NONE'
  return facts.verifyFault === undefined ? 'SUCCESS' : `FAILED:${facts.verifyFault.text}`
}

function daysUntil(date: string): string {
  const left = Date.parse(date) - Date.now()
  return String(Math.max(0, Math.floor(left / dayMs)))
}
