/** The rows of `ssl_*` towards clients, which both subsystems have. */
import type { Context, Row, ValueType } from '../core/module.ts'
import type { TlsProtocol } from '../net/tls/tls-protocols.ts'
import {
  alpn,
  type CertificateCacheConf,
  certificateCache,
  type CertificateFile,
  certificateFiles,
  type ConfCommand,
  confCommands,
  ntls,
  sessionCache,
  type SessionCacheConf,
  sslFile,
  sslFiles,
  tlsProtocols,
  tlsProtocolsDefault,
} from './ssl-values.ts'
import { concat, count, flag, oneOf, text, timeMs, timeSeconds } from './value-types.ts'

export type VerifyClient = 'off' | 'on' | 'optional' | 'optional_no_ca'

export interface ServerSslConf {
  readonly ssl_certificate: readonly CertificateFile[]
  readonly ssl_certificate_key: readonly CertificateFile[]
  readonly ssl_certificate_cache: CertificateCacheConf | undefined
  readonly ssl_password_file: string | undefined
  readonly ssl_dhparam: string | undefined
  readonly ssl_ecdh_curve: string
  readonly ssl_protocols: readonly TlsProtocol[]
  readonly ssl_ciphers: string
  readonly ssl_prefer_server_ciphers: boolean
  readonly ssl_conf_command: readonly ConfCommand[]
  readonly ssl_verify_client: VerifyClient
  readonly ssl_verify_depth: number
  readonly ssl_client_certificate: string | undefined
  readonly ssl_trusted_certificate: string | undefined
  readonly ssl_crl: string | undefined
  readonly ssl_stapling: boolean
  readonly ssl_stapling_file: string | undefined
  readonly ssl_stapling_responder: string | undefined
  readonly ssl_stapling_verify: boolean
  readonly ssl_session_cache: SessionCacheConf
  readonly ssl_session_tickets: boolean
  readonly ssl_session_ticket_key: readonly string[]
  readonly ssl_session_timeout: number
  readonly ssl_handshake_timeout: number
  readonly ssl_reject_handshake: boolean
  readonly ssl_alpn: readonly string[]
  readonly ssl_ntls: boolean
}

type Rows<Conf> = { readonly [Name in keyof Conf]-?: Row<Conf[Name]> }

/** A row before its contexts and its name are known. */
interface Draft<T> {
  readonly argument: string
  readonly value: ValueType<T>
  readonly default: T
  readonly doc: string
  readonly args?: Row<T>['args']
  readonly merge?: Row<T>['merge']
  readonly secret?: Row<T>['secret']
}

type Drafts = { readonly [Name in keyof ServerSslConf]-?: Draft<ServerSslConf[Name]> }

const several = [1, Infinity] as const

function optionalFile(doc: string): Draft<string | undefined> {
  return { argument: 'file', value: sslFile, default: undefined, doc }
}

function switched(byDefault: boolean, doc: string): Draft<boolean> {
  return { argument: 'on | off', value: flag, default: byDefault, doc }
}

const identity = {
  ssl_certificate: {
    argument: 'file',
    value: certificateFiles,
    default: [],
    merge: concat,
    doc: 'Certificate of the server in PEM, with its chain; one per key type. A name with variables is read when a handshake asks for it.',
  },
  ssl_certificate_key: {
    argument: 'file',
    value: certificateFiles,
    default: [],
    merge: concat,
    secret: 'inline',
    doc: 'Secret key of the certificate in PEM; in the order of the certificates.',
  },
  ssl_certificate_cache: {
    argument: 'off | max=N [inactive=time] [valid=time]',
    args: [1, 3],
    value: certificateCache,
    default: undefined,
    doc: 'Keeps certificates whose names have variables.',
  },
  ssl_password_file: {
    ...optionalFile('Passwords of secret keys, one a line.'),
    secret: 'inline',
  },
  ssl_reject_handshake: switched(false, 'Refuses handshakes that end up at this server.'),
} as const satisfies Partial<Drafts>

const algorithms = {
  ssl_dhparam: optionalFile('Parameters of DHE ciphers; without them there are none.'),
  ssl_ecdh_curve: {
    argument: 'curve',
    value: text,
    default: 'auto',
    doc: 'Curves of ECDHE ciphers, separated by colons.',
  },
  ssl_protocols: {
    argument: '[TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]',
    args: several,
    value: tlsProtocols,
    default: tlsProtocolsDefault,
    doc: 'Protocols that are enabled.',
  },
  ssl_ciphers: {
    argument: 'ciphers',
    value: text,
    default: 'HIGH:!aNULL:!MD5',
    doc: 'Ciphers that are enabled, in OpenSSL’s format.',
  },
  ssl_prefer_server_ciphers: switched(false, 'Whether the server’s order of ciphers counts.'),
  ssl_conf_command: {
    argument: 'name value',
    args: [2, 2],
    value: confCommands,
    default: [],
    merge: concat,
    doc: 'A command of OpenSSL’s own configuration, such as "Options PrioritizeChaCha".',
  },
  ssl_alpn: {
    argument: 'protocol ...',
    args: several,
    value: alpn,
    default: [],
    doc: 'Protocols that are agreed on with clients.',
  },
  ssl_ntls: {
    argument: 'off',
    value: ntls,
    default: false,
    doc: 'Accepted with "off"; national cryptography is not supported.',
  },
  ssl_handshake_timeout: {
    argument: 'time',
    value: timeMs,
    default: 60_000,
    doc: 'How long the handshake may last.',
  },
} as const satisfies Partial<Drafts>

const verification = {
  ssl_verify_client: {
    argument: 'on | off | optional | optional_no_ca',
    value: oneOf('off', 'on', 'optional', 'optional_no_ca'),
    default: 'off',
    doc: 'Whether clients must have a certificate, and whether it is verified.',
  },
  ssl_verify_depth: {
    argument: 'number',
    value: count,
    default: 1,
    doc: 'Longest chain of a client’s certificate.',
  },
  ssl_client_certificate: optionalFile(
    'Authorities that sign clients’ certificates; their names are sent to clients.',
  ),
  ssl_trusted_certificate: optionalFile(
    'Authorities that sign clients’ certificates and answers of OCSP.',
  ),
  ssl_crl: optionalFile('Certificates that were revoked.'),
  ssl_stapling: switched(false, 'Sends what OCSP says of the certificate along with it.'),
  ssl_stapling_file: optionalFile('Answer of OCSP in DER, instead of asking for one.'),
  ssl_stapling_responder: {
    argument: 'url',
    value: text,
    default: undefined,
    doc: 'Who is asked, instead of the one that the certificate names.',
  },
  ssl_stapling_verify: switched(false, 'Verifies answers of OCSP.'),
} as const satisfies Partial<Drafts>

const sessions = {
  ssl_session_cache: {
    argument: 'off | none | [builtin[:size]] [shared:name:size]',
    args: [1, 2],
    value: sessionCache,
    default: { mode: 'none' },
    doc: 'Where sessions are kept, beside those in tickets: in each worker, or in memory that all share.',
  },
  ssl_session_tickets: switched(true, 'Whether sessions are resumed by tickets.'),
  ssl_session_ticket_key: {
    argument: 'file',
    value: sslFiles,
    default: [],
    merge: concat,
    secret: 'inline',
    doc: 'Key of tickets, 48 or 80 random bytes; the first seals, the others open what was sealed before.',
  },
  ssl_session_timeout: {
    argument: 'time',
    value: timeSeconds,
    default: 300,
    doc: 'How long a session can be resumed.',
  },
} as const satisfies Partial<Drafts>

/** The rows for the contexts of one subsystem: its own and that of its servers. */
export function serverSslRows(contexts: readonly Context[]): Rows<ServerSslConf> {
  const drafts: Drafts = { ...identity, ...algorithms, ...verification, ...sessions }
  const rows = Object.entries(drafts).map(([name, { argument, ...draft }]) => [
    name,
    Object.freeze({ args: [1, 1], ...draft, contexts, syntax: `${name} ${argument}` }),
  ])
  return Object.freeze(Object.fromEntries(rows)) as Rows<ServerSslConf>
}
