/**
 * TLS towards clients, as the `ssl_*` directives of both subsystems say it.
 *
 * Sessions are resumed by tickets; `ssl_session_cache` is accepted and needs no memory, because nothing has
 * to be remembered here.
 */
import { ConfError } from '../conf/diagnostics.ts'
import { parseSize } from '../conf/units.ts'
import { dependOnFile } from '../core/file-dependencies.ts'
import type { Context, Row, ValueEnv, ValueType } from '../core/module.ts'
import type { TlsServerSettings } from '../net/tls/secure-server.ts'
import type { TlsContexts, TlsProtocol } from '../net/tls/tls-contexts.ts'
import type { TlsFacts } from '../net/tls/tls-facts.ts'
import { concat, count, flag, oneOf, text, timeMs, timeSeconds } from './value-types.ts'

export interface ServerSslConf {
  readonly ssl_certificate: readonly string[]
  readonly ssl_certificate_key: readonly string[]
  readonly ssl_password_file: string | undefined
  readonly ssl_dhparam: string | undefined
  readonly ssl_ecdh_curve: string
  readonly ssl_protocols: readonly TlsProtocol[]
  readonly ssl_ciphers: string
  readonly ssl_prefer_server_ciphers: boolean
  readonly ssl_verify_client: VerifyClient
  readonly ssl_verify_depth: number
  readonly ssl_client_certificate: string | undefined
  readonly ssl_trusted_certificate: string | undefined
  readonly ssl_crl: string | undefined
  readonly ssl_session_cache: string
  readonly ssl_session_tickets: boolean
  readonly ssl_session_timeout: number
  readonly ssl_handshake_timeout: number
  readonly ssl_reject_handshake: boolean
  readonly ssl_alpn: readonly string[]
  readonly ssl_ntls: boolean
}

export type VerifyClient = 'off' | 'on' | 'optional' | 'optional_no_ca'

/** TLS of one server. */
export interface ServerSsl {
  /** A handshake that ends up here is refused (`ssl_reject_handshake on`). */
  readonly rejectHandshake: boolean
  /** `undefined` without a certificate: the default server of the address lends its own. */
  readonly settings: TlsServerSettings | undefined
  readonly handshakeTimeoutMs: number
  /** Judges the client's certificate after the handshake: why it is refused, or nothing. */
  refusalOf(facts: TlsFacts): string | undefined
}

/** A file of PEM; relative paths are taken from the folder of the configuration. */
export const sslFile: ValueType<string> = {
  describe: 'file',
  parse: ([path = ''], env) => resolvePath(path, env),
}

const files: ValueType<readonly string[]> = {
  describe: 'file',
  parse: ([path = ''], env) => [resolvePath(path, env)],
}

function resolvePath(path: string, env: ValueEnv): string {
  if (path === '' || path.startsWith('data:') || path.startsWith('engine:')) return path
  if (env.complex(path).constant === undefined) {
    throw new ConfError(`variables are not supported in "${env.node.name}"`)
  }
  const file = env.confPath(path)
  dependOnFile(env.node, file)
  return file
}

const protocolNames = ['SSLv2', 'SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const

/** The two SSL versions are accepted and ignored, as by an OpenSSL without them. */
export const tlsProtocols: ValueType<readonly TlsProtocol[]> = {
  describe: '[TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]',
  parse: (args) =>
    args.flatMap((name) => {
      if (!protocolNames.some((known) => known.toLowerCase() === name.toLowerCase())) {
        throw new ConfError(`invalid value "${name}"`)
      }
      return /^ssl/i.test(name) ? [] : [`TLSv${name.slice(4)}` as TlsProtocol]
    }),
}

export const tlsProtocolsDefault: readonly TlsProtocol[] = ['TLSv1.2', 'TLSv1.3']

/** `off | none | [builtin[:size]] [shared:name:size]`. */
const sessionCache: ValueType<string> = {
  describe: 'off | none | [builtin[:size]] [shared:name:size]',
  parse: (args) => {
    for (const argument of args) checkSessionCache(argument)
    return args.join(' ')
  },
}

function checkSessionCache(argument: string): void {
  const invalid = new ConfError(`invalid session cache "${argument}"`)
  if (argument === 'off' || argument === 'none' || argument === 'builtin') return
  if (/^builtin:\d+$/.test(argument)) return
  const shared = /^shared:([^:]+):(.+)$/.exec(argument)
  const bytes = shared === null ? undefined : parseSize(shared[2]!)
  if (bytes === undefined) throw invalid
  // Eight pages, as nginx asks for.
  if (bytes < 8 * 4096) throw new ConfError(`session cache "${shared![1]}" is too small`)
}

const ntls: ValueType<boolean> = {
  describe: 'off',
  parse: (args, env) => {
    if (!flag.parse(args, env)) return false
    throw new ConfError(
      '"ssl_ntls on" is not supported: the TLS library of this build has no SM2, SM3 and SM4 suites',
    )
  },
}

const alpn: ValueType<readonly string[]> = {
  describe: 'protocol ...',
  parse: (args) => {
    for (const name of args) {
      if (name === '' || Buffer.byteLength(name) > 255) throw new ConfError('protocol too long')
    }
    return args
  },
}

type Rows<Conf> = { readonly [Name in keyof Conf]-?: Row<Conf[Name]> }

/** The rows for the contexts of one subsystem: its own and that of its servers. */
export function serverSslRows(contexts: readonly Context[]): Rows<ServerSslConf> {
  const row = <T>(argument: string, value: ValueType<T>, def: T, doc: string) => ({
    contexts,
    args: [1, 1] as const,
    argument,
    value,
    default: def,
    doc,
  })
  const rows = {
    ssl_certificate: {
      ...row(
        'file',
        files,
        [],
        'Certificate of the server in PEM, with its chain; one per key type.',
      ),
      merge: concat,
    },
    ssl_certificate_key: {
      ...row(
        'file',
        files,
        [],
        'Secret key of the certificate in PEM; in the order of the certificates.',
      ),
      merge: concat,
    },
    ssl_password_file: row<string | undefined>(
      'file',
      sslFile,
      undefined,
      'Passwords of secret keys, one a line.',
    ),
    ssl_dhparam: row<string | undefined>('file', sslFile, undefined, 'Parameters of DHE ciphers.'),
    ssl_ecdh_curve: row('curve', text, 'auto', 'Curves of ECDHE ciphers.'),
    ssl_protocols: {
      ...row(
        '[TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]',
        tlsProtocols,
        tlsProtocolsDefault,
        'Protocols that are enabled.',
      ),
      args: [1, Infinity] as const,
    },
    ssl_ciphers: row(
      'ciphers',
      text,
      'HIGH:!aNULL:!MD5',
      'Ciphers that are enabled, in OpenSSL’s format.',
    ),
    ssl_prefer_server_ciphers: row(
      'on | off',
      flag,
      false,
      'Whether the server’s order of ciphers counts.',
    ),
    ssl_verify_client: row<VerifyClient>(
      'on | off | optional | optional_no_ca',
      oneOf('off', 'on', 'optional', 'optional_no_ca'),
      'off',
      'Whether clients must have a certificate, and whether it is verified.',
    ),
    ssl_verify_depth: row('number', count, 1, 'Longest chain of a client’s certificate.'),
    ssl_client_certificate: row<string | undefined>(
      'file',
      sslFile,
      undefined,
      'Authorities that sign clients’ certificates; their names are sent to clients.',
    ),
    ssl_trusted_certificate: row<string | undefined>(
      'file',
      sslFile,
      undefined,
      'Authorities that sign clients’ certificates.',
    ),
    ssl_crl: row<string | undefined>('file', sslFile, undefined, 'Certificates that were revoked.'),
    ssl_session_cache: {
      ...row(
        'off | none | [builtin[:size]] [shared:name:size]',
        sessionCache,
        'none',
        'Accepted: sessions are resumed by tickets.',
      ),
      args: [1, 2] as const,
    },
    ssl_session_tickets: row('on | off', flag, true, 'Whether sessions are resumed by tickets.'),
    ssl_session_timeout: row('time', timeSeconds, 300, 'How long a session can be resumed.'),
    ssl_handshake_timeout: row('time', timeMs, 60_000, 'How long the handshake may last.'),
    ssl_reject_handshake: row(
      'on | off',
      flag,
      false,
      'Refuses handshakes that end up at this server.',
    ),
    ssl_alpn: {
      ...row('protocol ...', alpn, [], 'Protocols that are agreed on with clients.'),
      args: [1, Infinity] as const,
    },
    ssl_ntls: row(
      'off',
      ntls,
      false,
      'Accepted with "off"; national cryptography is not supported.',
    ),
  }
  return withSyntax(rows)
}

/** `syntax` from the name of the directive and what its row says of the arguments. */
function withSyntax<R extends Record<string, { readonly argument: string }>>(
  rows: R,
): { readonly [Name in keyof R]: R[Name] & { readonly syntax: string } } {
  const entries = Object.entries(rows).map(([name, row]) => [
    name,
    Object.freeze({ ...row, syntax: `${name} ${row.argument}` }),
  ])
  return Object.freeze(Object.fromEntries(entries)) as never
}

/** TLS of a server with those settings; `undefined` where there is nothing to show and nothing to refuse. */
export function compileServerSsl(
  conf: ServerSslConf,
  contexts: TlsContexts,
  listensWithSsl: boolean,
): ServerSsl | undefined {
  const { ssl_certificate: certificates, ssl_certificate_key: keys } = conf
  if (certificates.length === 0 && !conf.ssl_reject_handshake) return undefined
  if (certificates.length > keys.length) {
    throw new ConfError(
      listensWithSsl && keys.length === 0
        ? 'no "ssl_certificate_key" is defined for the "listen ... ssl" directive'
        : `no "ssl_certificate_key" is defined for certificate "${certificates[keys.length]}"`,
    )
  }
  return Object.freeze({
    rejectHandshake: conf.ssl_reject_handshake,
    handshakeTimeoutMs: conf.ssl_handshake_timeout,
    settings: certificates.length === 0 ? undefined : toSettings(conf, contexts),
    refusalOf: (facts: TlsFacts) => refusalOf(conf, facts),
  })
}

function toSettings(conf: ServerSslConf, contexts: TlsContexts): TlsServerSettings {
  const authorities = [conf.ssl_client_certificate, conf.ssl_trusted_certificate].filter(
    (path) => path !== undefined,
  )
  const verifies = conf.ssl_verify_client !== 'off'
  if (verifies && conf.ssl_verify_client !== 'optional_no_ca' && authorities.length === 0) {
    throw new ConfError('no ssl_client_certificate for ssl_verify_client')
  }
  const context = contexts.get({
    certificates: conf.ssl_certificate.map((certificate, i) => ({
      certificate,
      key: conf.ssl_certificate_key[i]!,
    })),
    protocols: conf.ssl_protocols,
    ciphers: conf.ssl_ciphers,
    ecdhCurve: conf.ssl_ecdh_curve,
    preferServerCiphers: conf.ssl_prefer_server_ciphers,
    sessionTimeoutSeconds: conf.ssl_session_timeout,
    sessionTickets: conf.ssl_session_tickets,
    ...(conf.ssl_password_file !== undefined && { passwordFile: conf.ssl_password_file }),
    ...(conf.ssl_dhparam !== undefined && { dhparam: conf.ssl_dhparam }),
    ...(verifies && authorities.length > 0 && { authorities }),
    ...(verifies &&
      conf.ssl_client_certificate !== undefined && { announced: conf.ssl_client_certificate }),
    ...(conf.ssl_crl !== undefined && { revocations: conf.ssl_crl }),
  })
  return {
    context,
    requestCertificate: verifies,
    verifyDepth: conf.ssl_verify_depth,
    alpn: conf.ssl_alpn,
  }
}

/** Faults that `optional_no_ca` passes over: all say that the issuer is not one of ours. */
const unknownIssuer: ReadonlySet<number> = new Set([18, 19, 20, 21, 27])

function refusalOf(conf: ServerSslConf, facts: TlsFacts): string | undefined {
  const mode = conf.ssl_verify_client
  if (mode === 'off') return undefined
  const fault = facts.verifyFault
  const passed = fault !== undefined && mode === 'optional_no_ca' && unknownIssuer.has(fault.number)
  if (fault !== undefined && !passed) {
    return `client SSL certificate verify error: (${fault.number}:${fault.text})`
  }
  return mode === 'on' && facts.peerCertificate === undefined
    ? 'client sent no required SSL certificate'
    : undefined
}
