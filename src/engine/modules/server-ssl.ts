/** TLS of one server towards its clients, made of its `ssl_*` directives. */
import { ConfError } from '../conf/diagnostics.ts'
import type { VariableHost } from '../core/variables.ts'
import type { TlsServerSettings } from '../net/tls/secure-server.ts'
import type { SessionCaching, TlsContextOptions } from '../net/tls/tls-contexts.ts'
import type { TlsFacts } from '../net/tls/tls-facts.ts'
import { sourceName, type TlsCertificate } from '../net/tls/tls-files.ts'
import { CertificateCache } from './certificate-cache.ts'
import type { ServerSslConf } from './server-ssl-directives.ts'
import type { CertificateFile, SessionCacheConf } from './ssl-values.ts'
import type { TlsResources } from './tls-contexts.ts'

export interface ServerSsl {
  /** A handshake that ends up here is refused (`ssl_reject_handshake on`). */
  readonly rejectHandshake: boolean
  /** `undefined` without a certificate: the default server of the address lends its own. */
  readonly settings: TlsServerSettings | undefined
  /**
   * Present where names of certificates have variables: settings for one client. Throws `ConfError` where
   * what they come to cannot be loaded.
   */
  readonly settingsFor: ((host: VariableHost) => TlsServerSettings) | undefined
  readonly handshakeTimeoutMs: number
  /** Judges the client's certificate after the handshake: why it is refused, or nothing. */
  refusalOf(facts: TlsFacts): string | undefined
}

export interface ServerSslOptions {
  readonly resources: TlsResources
  readonly listensWithSsl: boolean
  /** `ssl_buffer_size`. */
  readonly recordBytes?: number
  readonly earlyData?: boolean
  /** What of the settings is not followed, and why. */
  readonly warn: (text: string) => void
  /** What goes wrong while serving. */
  readonly onFault: (text: string) => void
}

/** `undefined` where there is nothing to show and nothing to refuse. */
export function compileServerSsl(
  conf: ServerSslConf,
  options: ServerSslOptions,
): ServerSsl | undefined {
  const { ssl_certificate: certificates, ssl_certificate_key: keys } = conf
  if (certificates.length === 0 && !conf.ssl_reject_handshake) return undefined
  if (certificates.length > keys.length) {
    throw new ConfError(
      options.listensWithSsl && keys.length === 0
        ? 'no "ssl_certificate_key" is defined for the "listen ... ssl" directive'
        : `no "ssl_certificate_key" is defined for certificate "${sourceName(certificates.at(-1)!.text)}"`,
    )
  }
  return Object.freeze({
    rejectHandshake: conf.ssl_reject_handshake,
    handshakeTimeoutMs: conf.ssl_handshake_timeout,
    ...(certificates.length === 0
      ? { settings: undefined, settingsFor: undefined }
      : compileSettings(conf, options)),
    refusalOf: (facts: TlsFacts) => refusalOf(conf, facts),
  })
}

function compileSettings(
  conf: ServerSslConf,
  options: ServerSslOptions,
): Pick<ServerSsl, 'settings' | 'settingsFor'> {
  const { contexts } = options.resources
  const pairs = conf.ssl_certificate.map(
    (certificate, i) => [certificate, conf.ssl_certificate_key[i]!] as const,
  )
  const constant = pairs.filter((pair) => pair.every(({ value }) => value === undefined))
  const base = contextOptions(conf, options, constant.map(toPaths))
  const rules = {
    requestCertificate: conf.ssl_verify_client !== 'off',
    verifyDepth: conf.ssl_verify_depth,
    alpn: conf.ssl_alpn,
  }
  const context = contexts.get(base)
  for (const warning of context.warnings) options.warn(warning)
  const settings = { ...rules, context }
  if (constant.length === pairs.length) return { settings, settingsFor: undefined }
  const cache = new CertificateCache(contexts, conf.ssl_certificate_cache)
  return {
    settings,
    settingsFor: (host) => {
      const certificates = pairs.map(([certificate, key]) => ({
        certificate: pathOf(certificate, host),
        key: pathOf(key, host),
      }))
      return { ...rules, context: cache.get({ ...base, certificates }) }
    },
  }
}

function toPaths([certificate, key]: readonly [CertificateFile, CertificateFile]): TlsCertificate {
  return { certificate: certificate.path, key: key.path }
}

function pathOf({ path, value, resolve }: CertificateFile, host: VariableHost): string {
  return value === undefined ? path : resolve(value.evaluate(host))
}

function contextOptions(
  conf: ServerSslConf,
  { resources, recordBytes, earlyData, onFault }: ServerSslOptions,
  certificates: readonly TlsCertificate[],
): TlsContextOptions {
  const verifies = conf.ssl_verify_client !== 'off'
  const authorities = [conf.ssl_client_certificate, conf.ssl_trusted_certificate].filter(
    (path) => path !== undefined,
  )
  if (verifies && conf.ssl_verify_client !== 'optional_no_ca' && authorities.length === 0) {
    throw new ConfError('no ssl_client_certificate for ssl_verify_client')
  }
  const trusts = (verifies || conf.ssl_stapling) && authorities.length > 0
  const { ssl_client_certificate: announced } = conf
  return {
    certificates,
    protocols: conf.ssl_protocols,
    ciphers: conf.ssl_ciphers,
    ecdhCurve: conf.ssl_ecdh_curve,
    preferServerCiphers: conf.ssl_prefer_server_ciphers,
    sessionTimeoutSeconds: conf.ssl_session_timeout,
    sessionTickets: conf.ssl_session_tickets,
    sessionCache: sessionCaching(conf.ssl_session_cache, resources),
    commands: conf.ssl_conf_command,
    onFault,
    ...(conf.ssl_session_ticket_key.length > 0 && { ticketKeyFiles: conf.ssl_session_ticket_key }),
    ...(conf.ssl_password_file !== undefined && { passwordFile: conf.ssl_password_file }),
    ...(conf.ssl_dhparam !== undefined && { dhparam: conf.ssl_dhparam }),
    ...(recordBytes !== undefined && { recordBytes }),
    ...(earlyData === true && { earlyData }),
    ...(trusts && { authorities }),
    ...(verifies && announced !== undefined && { announced }),
    ...(conf.ssl_crl !== undefined && { revocations: conf.ssl_crl }),
    ...(conf.ssl_stapling && {
      stapling: {
        file: conf.ssl_stapling_file,
        responder: conf.ssl_stapling_responder,
        verify: conf.ssl_stapling_verify,
      },
    }),
  }
}

function sessionCaching(
  { mode, builtin, shared }: SessionCacheConf,
  resources: TlsResources,
): SessionCaching {
  if (mode !== 'kept') return { mode }
  return {
    mode: shared === undefined ? 'builtin' : 'shared',
    ...(builtin !== undefined && { sessions: builtin }),
    ...(shared !== undefined && {
      store: resources.sessions(shared.name, shared.bytes),
      id: `${shared.name}:${shared.bytes}`,
    }),
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
