/** What a handshake settled, asked of Node once: asking a stream that has failed is not safe. */
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { ClientHello } from '../client-hello.ts'

export interface TlsFacts {
  /** `TLSv1.3`, as nginx's `$ssl_protocol`. */
  readonly protocol: string
  /** OpenSSL's name, as `$ssl_cipher`. */
  readonly cipher: string
  readonly serverName: string | undefined
  /** Empty when none was agreed on. */
  readonly alpn: string
  readonly sessionReused: boolean
  readonly peerCertificate: X509Certificate | undefined
  /** Certificates in the peer's chain as it was verified, without the peer's own and the root. */
  readonly intermediates: number
  /** Why the peer's certificate is not trusted, undefined when it is or when there is none. */
  readonly verifyFault: VerifyFault | undefined
}

export interface VerifyFault {
  /** OpenSSL's number: `X509_V_ERR_…`. */
  readonly number: number
  /** OpenSSL's text: `self-signed certificate`. */
  readonly text: string
}

/** Node's names of OpenSSL's verification errors; a name that is not here has the number 1, unspecified. */
const verifyNumbers: Readonly<Record<string, number>> = {
  UNABLE_TO_GET_ISSUER_CERT: 2,
  UNABLE_TO_GET_CRL: 3,
  CERT_SIGNATURE_FAILURE: 7,
  CRL_SIGNATURE_FAILURE: 8,
  CERT_NOT_YET_VALID: 9,
  CERT_HAS_EXPIRED: 10,
  CRL_NOT_YET_VALID: 11,
  CRL_HAS_EXPIRED: 12,
  DEPTH_ZERO_SELF_SIGNED_CERT: 18,
  SELF_SIGNED_CERT_IN_CHAIN: 19,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 20,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 21,
  CERT_CHAIN_TOO_LONG: 22,
  CERT_REVOKED: 23,
  INVALID_CA: 24,
  PATH_LENGTH_EXCEEDED: 25,
  INVALID_PURPOSE: 26,
  CERT_UNTRUSTED: 27,
  CERT_REJECTED: 28,
  HOSTNAME_MISMATCH: 62,
}

export const chainTooLong: VerifyFault = { number: 22, text: 'certificate chain too long' }

/** Deeper chains than this are not walked; no list of trusted certificates has them. */
const chainLengthMax = 100

/** Not in Node's public types: the outcome of verification on the server's side. */
interface WithVerifyError {
  readonly _handle?: { verifyError?(): (Error & { code?: string }) | null } | null
}

export function collectFacts(stream: TLSSocket, hello: ClientHello | undefined): TlsFacts {
  const peerCertificate = stream.getPeerX509Certificate()
  const { alpnProtocol } = stream
  return {
    protocol: stream.getProtocol() ?? '',
    cipher: stream.getCipher().name,
    serverName: hello?.serverName,
    alpn: typeof alpnProtocol === 'string' ? alpnProtocol : '',
    sessionReused: stream.isSessionReused(),
    peerCertificate,
    intermediates: peerCertificate === undefined ? 0 : countIntermediates(stream),
    verifyFault: peerCertificate === undefined ? undefined : verifyFault(stream),
  }
}

function verifyFault(stream: TLSSocket): VerifyFault | undefined {
  const error = (stream as unknown as WithVerifyError)['_handle']?.verifyError?.()
  if (error === null || error === undefined) return undefined
  // Node adds advice about its own options after a semicolon.
  const text = error.message.replace(/;.*$/s, '')
  return { number: verifyNumbers[error.code ?? ''] ?? 1, text }
}

function countIntermediates(stream: TLSSocket): number {
  let certificate = stream.getPeerCertificate(true)
  let length = 1
  while (length < chainLengthMax) {
    const issuer = certificate.issuerCertificate
    // A root is its own issuer; an incomplete chain just ends.
    if (issuer === undefined || issuer.fingerprint256 === certificate.fingerprint256) break
    certificate = issuer
    length += 1
  }
  return Math.max(0, length - 2)
}
