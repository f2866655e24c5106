/**
 * TLS of active checks.
 *
 * Checks are few and speak through Node's own clients of HTTP/1.1 and HTTP/2; so they use Node's TLS, too,
 * and leave the sockets of the data plane alone.
 */
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type DetailedPeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import { ConfError } from '../../conf/diagnostics.ts'
import { readProtected } from '../../core/protected-files.ts'
import { errnoText } from '../../net/errors.ts'
import { ciphersFor, protocolOptions, type TlsProtocol } from '../../net/tls/tls-protocols.ts'

export interface ProbeTlsConf {
  /** What the certificate must be for, and what is sent as SNI. */
  readonly name: string
  readonly serverName: boolean
  readonly sessionReuse: boolean
  readonly protocols: readonly TlsProtocol[]
  readonly ciphers: string
  readonly verify: boolean
  readonly verifyDepth: number
  /** Paths, or `data:` and the PEM itself. */
  readonly trustedCertificate?: string | undefined
  readonly crl?: string | undefined
  readonly certificate?: string | undefined
  readonly certificateKey?: string | undefined
}

/** Starts TLS over a connection for one peer, whose session may be kept for the next time. */
export class ProbeTls {
  readonly #conf: ProbeTlsConf
  readonly #context: SecureContext

  /** Throws `ConfError` when a file cannot be read or is not what it must be. */
  constructor(conf: ProbeTlsConf) {
    this.#conf = conf
    checkFiles(conf)
    this.#context = buildContext(conf)
  }

  start(
    socket: Duplex,
    memory: { session: Buffer | undefined },
    alpn: readonly string[] = [],
  ): TLSSocket {
    const { name, serverName, sessionReuse, verify, verifyDepth } = this.#conf
    const secure = connect({
      socket,
      secureContext: this.#context,
      rejectUnauthorized: verify,
      ALPNProtocols: [...alpn],
      checkServerIdentity: (_host, certificate) =>
        depthFault(certificate as DetailedPeerCertificate, verifyDepth) ??
        identityFault(name, certificate as DetailedPeerCertificate),
      ...(serverName && isIP(name) === 0 && { servername: name }),
      ...(memory.session !== undefined && { session: memory.session }),
    })
    // What goes wrong later is whose then has the socket.
    secure.on('error', () => undefined)
    if (sessionReuse) secure.on('session', (session) => (memory.session = session))
    return secure
  }
}

function buildContext(conf: ProbeTlsConf): SecureContext {
  const { certificate, certificateKey, trustedCertificate, crl, protocols } = conf
  try {
    return createSecureContext({
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.3',
      secureOptions: protocolOptions(protocols),
      ciphers: ciphersFor(conf),
      ...(certificate !== undefined && { cert: readSource(certificate) }),
      ...(certificateKey !== undefined && { key: readSource(certificateKey) }),
      ...(trustedCertificate !== undefined && { ca: readSource(trustedCertificate) }),
      ...(crl !== undefined && { crl: readSource(crl) }),
    })
  } catch (error) {
    if (error instanceof ConfError) throw error
    throw new ConfError(`TLS of the health check: ${(error as Error).message}`)
  }
}

function checkFiles({
  certificate,
  certificateKey,
  verify,
  trustedCertificate,
}: ProbeTlsConf): void {
  if (certificate !== undefined && certificateKey === undefined) {
    throw new ConfError(`no "ssl_certificate_key" is defined for the health check's certificate`)
  }
  if (certificateKey !== undefined && certificate === undefined) {
    throw new ConfError(`no "ssl_certificate" is defined for the health check's key`)
  }
  if (verify && trustedCertificate === undefined) {
    throw new ConfError('no "ssl_trusted_certificate" for "ssl_verify" of the health check')
  }
}

const inlinePrefix = 'data:'

function readSource(source: string): string {
  if (source.startsWith(inlinePrefix)) return source.slice(inlinePrefix.length)
  try {
    return readProtected(source)
  } catch (error) {
    throw new ConfError(`open() "${source}" failed (${errnoText(error as NodeJS.ErrnoException)})`)
  }
}

/** Certificates between the peer's own and one that signs itself, of which OpenSSL counts none. */
function depthFault(certificate: DetailedPeerCertificate, depthMax: number): Error | undefined {
  let depth = 0
  let at = certificate
  while (at.issuerCertificate !== undefined && at.issuerCertificate !== at) {
    at = at.issuerCertificate
    if (at.issuerCertificate !== at) depth += 1
    if (depth > depthMax) return new Error('certificate chain too long')
  }
  return undefined
}

function identityFault(name: string, certificate: DetailedPeerCertificate): Error | undefined {
  return checkServerIdentity(name, certificate) === undefined
    ? undefined
    : new Error(`upstream SSL certificate does not match "${name}"`)
}
