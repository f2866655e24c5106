/** From settings in nginx's terms to a context of OpenSSL's. Faults are told in nginx's words. */
import { ConfError } from '../../conf/diagnostics.ts'
import {
  SSL_OP_CIPHER_SERVER_PREFERENCE,
  SSL_OP_NO_COMPRESSION,
  SSL_OP_NO_RENEGOTIATION,
  SSL_OP_NO_TICKET,
  SSL_SESS_CACHE_CLIENT,
  SSL_SESS_CACHE_NO_AUTO_CLEAR,
  SSL_SESS_CACHE_NO_INTERNAL,
  SSL_SESS_CACHE_NO_INTERNAL_STORE,
  SSL_SESS_CACHE_OFF,
  SSL_SESS_CACHE_SERVER,
} from '../openssl/constants.ts'
import { OpenSslMissingError, type Pointer, recordBytesMax } from '../openssl/libssl.ts'
import { applyCommands } from '../openssl/conf-commands.ts'
import { SslContext, SslContextError } from '../openssl/ssl-context.ts'
import type { TicketKey } from '../openssl/ticket-keys.ts'
import { buildStapling } from './build-stapling.ts'
import {
  loadAuthorities,
  loadCertificates,
  loadDhParameters,
  loadKey,
  loadRevocations,
  loadTicketKey,
  readPasswords,
  sourceName,
} from './tls-files.ts'
import type { SessionCaching, TlsContextOptions } from './tls-contexts.ts'
import { ciphersFor, protocolOptions } from './tls-protocols.ts'

/** Sessions that OpenSSL keeps by itself, where nothing else is said. */
const builtinSessions = 20_480

export interface BuildOptions {
  readonly ticketKeys: (() => readonly TicketKey[]) | undefined
  /** What of the settings is not followed, and why. */
  readonly warn: (text: string) => void
  /** What goes wrong later. */
  readonly onFault: (text: string) => void
}

export function buildContext(
  options: TlsContextOptions,
  sessionsOf: string,
  { ticketKeys, ...notices }: BuildOptions,
): SslContext {
  try {
    const context = new SslContext()
    setProtocols(context, options)
    const chains = setCertificates(context, options)
    const authorities = setAuthorities(context, options)
    setSessions(context, options, sessionsOf)
    const own = options.ticketKeyFiles?.map(loadTicketKey)
    const staples =
      options.stapling &&
      buildStapling({
        ...notices,
        options: options.stapling,
        chains,
        authorities,
        store: context.store,
      })
    context.answerWith({
      ticketKeys: own === undefined ? ticketKeys : () => own,
      sessions: options.sessionCache?.store,
      status: staples && ((certificate) => staples.get(certificate)?.status()),
    })
    applyCommands(context, options.commands ?? [])
    return context
  } catch (error) {
    const told = error instanceof SslContextError || error instanceof OpenSslMissingError
    if (told) throw new ConfError(error.message)
    throw error
  }
}

function setProtocols(context: SslContext, options: TlsContextOptions): void {
  const { protocols, ecdhCurve = 'auto', dhparam, recordBytes, preferServerCiphers } = options
  if (protocols.length === 0) throw new ConfError('no TLS protocol is enabled')
  let bits = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | protocolOptions(protocols)
  if (preferServerCiphers === true) bits |= SSL_OP_CIPHER_SERVER_PREFERENCE
  context.setOptions(bits)
  context.setCiphers(ciphersFor(options))
  if (ecdhCurve !== 'auto') context.setCurves(ecdhCurve)
  if (dhparam !== undefined) {
    context.setDhParameters(loadDhParameters(dhparam), sourceName(dhparam))
  }
  if (options.earlyData === true) context.allowEarlyData()
  if (recordBytes !== undefined) context.setRecordBytes(Math.min(recordBytes, recordBytesMax))
}

/** OpenSSL holds one pair for each kind of key, and shows what the client can verify. */
function setCertificates(
  context: SslContext,
  { certificates, passwordFile }: TlsContextOptions,
): ReadonlyMap<string, readonly Pointer[]> {
  const passwords = passwordFile === undefined ? [] : readPasswords(passwordFile)
  const chains = new Map<string, readonly Pointer[]>()
  for (const { certificate, key } of certificates) {
    const chain = loadCertificates(certificate)
    context.useCertificates(chain, sourceName(certificate))
    context.usePrivateKey(loadKey(key, passwords), sourceName(key))
    chains.set(sourceName(certificate), chain)
  }
  return chains
}

function setAuthorities(
  context: SslContext,
  { authorities = [], announced, revocations }: TlsContextOptions,
): readonly Pointer[] {
  const trusted: Pointer[] = []
  for (const source of authorities) {
    const certificates = loadAuthorities(source)
    if (source === announced) context.announce(certificates)
    context.trust(certificates)
    trusted.push(...certificates)
  }
  if (revocations !== undefined) context.revoke(loadRevocations(revocations))
  return trusted
}

function setSessions(context: SslContext, options: TlsContextOptions, sessionsOf: string): void {
  const { sessionCache = { mode: 'none' }, sessionTickets, sessionTimeoutSeconds } = options
  if (sessionTickets === false) context.setOptions(SSL_OP_NO_TICKET)
  context.setSessions({
    context: sessionsOf,
    mode: SSL_SESS_CACHE_CLIENT | cacheModes[sessionCache.mode] | storeMode(sessionCache),
    timeoutSeconds: sessionTimeoutSeconds,
    size: sessionCache.mode === 'none' ? 1 : (sessionCache.sessions ?? builtinSessions),
  })
}

const cacheModes: Readonly<Record<SessionCaching['mode'], number>> = {
  off: SSL_SESS_CACHE_OFF,
  none: SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_AUTO_CLEAR | SSL_SESS_CACHE_NO_INTERNAL_STORE,
  builtin: SSL_SESS_CACHE_SERVER,
  shared: SSL_SESS_CACHE_SERVER,
}

function storeMode({ mode, sessions }: SessionCaching): number {
  return mode === 'shared' && sessions === undefined ? SSL_SESS_CACHE_NO_INTERNAL : 0
}
