/** `proxy_ssl_*`: TLS towards upstreams, in both subsystems. */
import { ConfError } from '../conf/diagnostics.ts'
import type { ComplexValue } from '../core/complex-value.ts'
import type { Context, Row, ValueType } from '../core/module.ts'
import type { VariableHost } from '../core/variables.ts'
import type { Socket, SocketHandler } from '../net/socket.ts'
import { secureClient, type TlsClientSettings } from '../net/tls/secure-client.ts'
import type { SecureSocket } from '../net/tls/secure-socket.ts'
import { SessionCache } from '../net/tls/session-cache.ts'
import type { TlsContexts } from '../net/tls/tls-contexts.ts'
import type { TlsProtocol } from '../net/tls/tls-protocols.ts'
import type { Peer } from '../upstream/peer.ts'
import { sslFile, tlsProtocols, tlsProtocolsDefault } from './ssl-values.ts'
import { complexValue, count, flag, text } from './value-types.ts'

export interface ProxySslConf {
  readonly proxy_ssl_certificate: string | undefined
  readonly proxy_ssl_certificate_key: string | undefined
  readonly proxy_ssl_password_file: string | undefined
  readonly proxy_ssl_protocols: readonly TlsProtocol[]
  readonly proxy_ssl_ciphers: string
  readonly proxy_ssl_name: ComplexValue | undefined
  readonly proxy_ssl_server_name: boolean
  readonly proxy_ssl_session_reuse: boolean
  readonly proxy_ssl_verify: boolean
  readonly proxy_ssl_verify_depth: number
  readonly proxy_ssl_trusted_certificate: string | undefined
  readonly proxy_ssl_crl: string | undefined
}

type Rows<Conf> = { readonly [Name in keyof Conf]-?: Row<Conf[Name]> }

export function proxySslRows(contexts: readonly Context[]): Rows<ProxySslConf> {
  function row<T>(syntax: string, value: ValueType<T>, defaultValue: T, doc: string): Row<T> {
    return { contexts, args: [1, 1], syntax, value, default: defaultValue, doc }
  }
  const fileRow = (name: string, doc: string): Row<string | undefined> =>
    row<string | undefined>(`${name} file`, sslFile, undefined, doc)
  return {
    proxy_ssl_certificate: fileRow(
      'proxy_ssl_certificate',
      'Certificate that is shown to upstreams.',
    ),
    proxy_ssl_certificate_key: {
      ...fileRow('proxy_ssl_certificate_key', 'Secret key of that certificate.'),
      secret: 'inline',
    },
    proxy_ssl_password_file: {
      ...fileRow('proxy_ssl_password_file', 'Passwords of the key, one a line.'),
      secret: 'inline',
    },
    proxy_ssl_protocols: {
      contexts,
      args: [1, Infinity],
      syntax: 'proxy_ssl_protocols [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]',
      value: tlsProtocols,
      default: tlsProtocolsDefault,
      doc: 'Protocols that are enabled towards upstreams.',
    },
    proxy_ssl_ciphers: row(
      'proxy_ssl_ciphers ciphers',
      text,
      'DEFAULT',
      'Ciphers towards upstreams.',
    ),
    proxy_ssl_name: row<ComplexValue | undefined>(
      'proxy_ssl_name name',
      complexValue,
      undefined,
      'Name that the upstream’s certificate must be for; by default the host of proxy_pass.',
    ),
    proxy_ssl_server_name: row(
      'proxy_ssl_server_name on | off',
      flag,
      false,
      'Sends that name to the upstream (SNI).',
    ),
    proxy_ssl_session_reuse: row(
      'proxy_ssl_session_reuse on | off',
      flag,
      true,
      'Resumes TLS sessions with upstreams.',
    ),
    proxy_ssl_verify: row(
      'proxy_ssl_verify on | off',
      flag,
      false,
      'Verifies upstreams’ certificates.',
    ),
    proxy_ssl_verify_depth: row(
      'proxy_ssl_verify_depth number',
      count,
      1,
      'Longest chain of an upstream’s certificate.',
    ),
    proxy_ssl_trusted_certificate: fileRow(
      'proxy_ssl_trusted_certificate',
      'Authorities that sign upstreams’ certificates.',
    ),
    proxy_ssl_crl: fileRow('proxy_ssl_crl', 'Certificates that were revoked.'),
  }
}

/** Starts TLS on connections to upstreams. */
export interface SecureUpstream<Host> {
  /** Name that the upstream's certificate is for. */
  nameFor(host: Host): string
  start(name: string, peer: Peer, socket: Socket, handler: SocketHandler): SecureSocket
}

/** What is not said by the directives of TLS. */
export interface UpstreamIdentity<Host> {
  /** Where `proxy_pass` leads to, with or without port. */
  readonly target: (host: Host) => string
  /** Protocols that upstreams are offered (RFC 7301). */
  readonly alpn?: readonly string[]
}

export function compileProxySsl<Host extends VariableHost>(
  conf: ProxySslConf,
  contexts: TlsContexts,
  { target, alpn = [] }: UpstreamIdentity<Host>,
): SecureUpstream<Host> {
  const base = toSettings(conf, contexts)
  const cache = conf.proxy_ssl_session_reuse ? new SessionCache() : undefined
  return {
    nameFor: (host) => withoutPort(conf.proxy_ssl_name?.evaluate(host) ?? target(host)),
    start(name, peer, socket, handler) {
      const settings: TlsClientSettings = {
        ...base,
        alpn,
        ...(conf.proxy_ssl_server_name && { serverName: name }),
        ...(conf.proxy_ssl_verify && { verify: { name, depth: conf.proxy_ssl_verify_depth } }),
        ...(cache && { sessions: { cache, key: `${peer.name} ${name}` } }),
      }
      return secureClient(socket, handler, { settings })
    },
  }
}

function toSettings(conf: ProxySslConf, contexts: TlsContexts): Pick<TlsClientSettings, 'context'> {
  const { proxy_ssl_certificate: certificate, proxy_ssl_certificate_key: key } = conf
  if (certificate !== undefined && key === undefined) {
    throw new ConfError(
      `no "proxy_ssl_certificate_key" is defined for certificate "${certificate}"`,
    )
  }
  const trusted = conf.proxy_ssl_trusted_certificate
  if (conf.proxy_ssl_verify && trusted === undefined) {
    throw new ConfError('no proxy_ssl_trusted_certificate for proxy_ssl_verify')
  }
  const context = contexts.get({
    certificates: certificate !== undefined && key !== undefined ? [{ certificate, key }] : [],
    protocols: conf.proxy_ssl_protocols,
    ciphers: conf.proxy_ssl_ciphers,
    ...(conf.proxy_ssl_password_file !== undefined && {
      passwordFile: conf.proxy_ssl_password_file,
    }),
    ...(trusted !== undefined && { authorities: [trusted] }),
    ...(conf.proxy_ssl_crl !== undefined && { revocations: conf.proxy_ssl_crl }),
  })
  return { context }
}

function withoutPort(name: string): string {
  if (name.startsWith('[')) return name.slice(1).replace(/\].*$/, '')
  return name.replace(/:.*$/, '')
}
