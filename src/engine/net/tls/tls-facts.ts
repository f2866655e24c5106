/** What a handshake settled, asked of OpenSSL once: the connection may be gone when a log line is written. */
import type { ClientHello } from '../client-hello.ts'
import { SSL_CTRL_GET_NEGOTIATED_GROUP, X509_V_OK } from '../openssl/constants.ts'
import { bytesAt, openssl, type Pointer } from '../openssl/libssl.ts'
import { pointerIn } from '../openssl/openssl-error.ts'
import { sessionId } from '../openssl/ssl-callbacks.ts'
import { PeerCertificate } from './peer-certificate.ts'

export interface TlsFacts {
  /** `TLSv1.3`, as nginx's `$ssl_protocol`. */
  readonly protocol: string
  /** OpenSSL's name, as `$ssl_cipher`. */
  readonly cipher: string
  /** Name of the group that keys were agreed on in, as `$ssl_curve`; empty without one. */
  readonly curve: string
  readonly serverName: string | undefined
  /** Empty when none was agreed on. */
  readonly alpn: string
  readonly sessionReused: boolean
  /** In hexadecimal digits. */
  readonly sessionId: string
  readonly peerCertificate: PeerCertificate | undefined
  /** Why the peer's certificate is not trusted, undefined when it is or when there is none. */
  readonly verifyFault: VerifyFault | undefined
}

export interface VerifyFault {
  /** OpenSSL's number: `X509_V_ERR_…`. */
  readonly number: number
  /** OpenSSL's text: `self-signed certificate`. */
  readonly text: string
}

/** Larger ones are no certificates that a handshake carries. */
const certificateBytesMax: number = 64 * 1024

export function collectFacts(address: Pointer, hello: ClientHello | undefined): TlsFacts {
  const ssl = openssl()
  const session = ssl.SSL_get_session(address)
  const peerCertificate = readPeerCertificate(address)
  return {
    protocol: ssl.SSL_get_version(address) ?? '',
    cipher: ssl.SSL_CIPHER_get_name(ssl.SSL_get_current_cipher(address)) ?? '',
    curve: readCurve(address),
    serverName: hello?.serverName,
    alpn: readAlpn(address),
    sessionReused: ssl.SSL_session_reused(address) === 1,
    sessionId: session === 0 ? '' : sessionId(session).toString('hex'),
    peerCertificate,
    verifyFault: peerCertificate === undefined ? undefined : readVerifyFault(address),
  }
}

function readCurve(address: Pointer): string {
  const ssl = openssl()
  const group = ssl.SSL_ctrl(address, SSL_CTRL_GET_NEGOTIATED_GROUP, 0, 0)
  if (group <= 0) return ''
  const name = ssl.SSL_group_to_name(address, group) ?? ''
  return curveNames[name] ?? name
}

/** Names of curves as nginx prints them, where those of TLS differ. */
const curveNames: Readonly<Record<string, string>> = {
  secp256r1: 'prime256v1',
  x25519: 'X25519',
  x448: 'X448',
}

function readAlpn(address: Pointer): string {
  const ssl = openssl()
  const { address: results, bytes, i32 } = ssl.results
  ssl.SSL_get0_alpn_selected(address, results, results + 8)
  const length = i32[2]!
  return length === 0 ? '' : bytesAt(pointerIn(bytes, 0), length).toString('latin1')
}

function readPeerCertificate(address: Pointer): PeerCertificate | undefined {
  const ssl = openssl()
  const certificate = ssl.SSL_get1_peer_certificate(address)
  if (certificate === 0) return undefined
  try {
    const length = ssl.i2d_X509(certificate, 0)
    if (length <= 0 || length > certificateBytesMax) return undefined
    ssl.results.bytes.writeBigUInt64LE(BigInt(ssl.plain.address))
    ssl.i2d_X509(certificate, ssl.results.address)
    return new PeerCertificate(Buffer.from(ssl.plain.bytes.subarray(0, length)))
  } finally {
    ssl.X509_free(certificate)
  }
}

function readVerifyFault(address: Pointer): VerifyFault | undefined {
  const ssl = openssl()
  const number = ssl.SSL_get_verify_result(address)
  if (number === X509_V_OK) return undefined
  return { number, text: ssl.X509_verify_cert_error_string(number) ?? '' }
}
