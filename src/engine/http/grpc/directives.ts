/**
 * Settings of `grpc_pass`. They are those of `proxy_pass` under names of their own, as far as calls have a use
 * for them; the rest keeps the value that a call needs.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { Row, ValueType } from '../../core/module.ts'
import { type ProxySslConf, proxySslRows } from '../../modules/proxy-ssl.ts'
import { type ProxyConf, proxyRows } from '../proxy/directives.ts'

const shared = [
  'bind',
  'socket_keepalive',
  'connect_timeout',
  'send_timeout',
  'read_timeout',
  'buffer_size',
  'set_header',
  'hide_header',
  'pass_header',
  'ignore_headers',
  'intercept_errors',
  'next_upstream',
  'next_upstream_tries',
  'next_upstream_timeout',
] as const

const sharedSsl = [
  'ssl_certificate',
  'ssl_certificate_key',
  'ssl_password_file',
  'ssl_protocols',
  'ssl_ciphers',
  'ssl_name',
  'ssl_server_name',
  'ssl_session_reuse',
  'ssl_verify',
  'ssl_verify_depth',
  'ssl_trusted_certificate',
  'ssl_crl',
] as const

type Shared = (typeof shared)[number]
type SharedSsl = (typeof sharedSsl)[number]
export type PassConf = ProxyConf & ProxySslConf

type SharedConf = { readonly [Name in Shared as `grpc_${Name}`]: ProxyConf[`proxy_${Name}`] } & {
  readonly [Name in SharedSsl as `grpc_${Name}`]: ProxySslConf[`proxy_${Name}`]
}

export interface GrpcConf extends SharedConf {
  readonly grpc_pass: ComplexValue | undefined
}

type Rows<Conf> = { readonly [Name in keyof Conf]-?: Row<Conf[Name]> }

const passRows: Rows<PassConf> = {
  ...proxyRows,
  ...proxySslRows(['http', 'http.server', 'http.location']),
}

const passType: ValueType<ComplexValue> = {
  describe: 'address',
  parse: ([text = ''], env) => {
    const value = env.complex(text)
    if (/^(?:grpcs?:\/\/)?$/i.test(value.constant ?? '-')) {
      throw new ConfError('no host in upstream ""')
    }
    return value
  },
}

function sharedRows(): Rows<SharedConf> {
  const rows = [...shared, ...sharedSsl].map((name) => {
    const row = passRows[`proxy_${name}`]
    return [`grpc_${name}`, { ...row, syntax: row.syntax.replace(/^proxy_/, 'grpc_') }]
  })
  return Object.fromEntries(rows) as Rows<SharedConf>
}

export const grpcRows: Rows<GrpcConf> = {
  ...sharedRows(),
  grpc_pass: {
    contexts: ['http.location', 'http.location.if'],
    args: [1, 1],
    syntax: 'grpc_pass address',
    value: passType,
    default: undefined,
    inherited: false,
    doc: 'Passes requests to a gRPC server.',
  },
}

/** What calls have instead of settings: nothing is kept back, and fields behind the body are passed on. */
const fixed: Partial<PassConf> = {
  proxy_http_version: '1.1',
  proxy_redirect: [{ kind: 'off' }],
  proxy_buffering: false,
  proxy_request_buffering: false,
  proxy_pass_trailers: true,
}

const defaults = Object.fromEntries(
  Object.entries(passRows).map(([name, row]) => [name, row.default]),
) as unknown as PassConf

/** The same settings as `proxy_pass` knows them. */
export function toPassConf(conf: GrpcConf): PassConf {
  const renamed = [...shared, ...sharedSsl].map((name) => [`proxy_${name}`, conf[`grpc_${name}`]])
  return {
    ...defaults,
    ...fixed,
    ...(Object.fromEntries(renamed) as Partial<PassConf>),
    proxy_pass: conf.grpc_pass,
  }
}
