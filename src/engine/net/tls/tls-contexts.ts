/**
 * TLS settings in nginx's terms, made into contexts of Node's.
 *
 * A context holds a certificate chain, keys and lists, a few hundred kilobytes; servers with equal settings
 * and unchanged files share one, so that ten thousand virtual servers with a wildcard certificate cost one.
 * Contexts are held weakly: one that no server and no connection uses is gone.
 */
import { constants, createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { ConfError } from '../../conf/diagnostics.ts'
import {
  contentIdentity,
  type OpenedKey,
  opensslText,
  readAuthorities,
  readCertificate,
  readDhParameters,
  readKey,
  readPasswords,
  readRevocations,
  sourceName,
  type TlsCertificate,
} from './tls-files.ts'

export type TlsProtocol = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'

const protocolOrder: readonly TlsProtocol[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']

/** OpenSSL's switches for the gaps of a list such as `TLSv1 TLSv1.2`. */
const protocolSwitches: Readonly<Record<TlsProtocol, number>> = {
  TLSv1: constants.SSL_OP_NO_TLSv1,
  'TLSv1.1': constants.SSL_OP_NO_TLSv1_1,
  'TLSv1.2': constants.SSL_OP_NO_TLSv1_2,
  'TLSv1.3': constants.SSL_OP_NO_TLSv1_3,
}

/** nginx's `ssl_ciphers` says nothing about TLS 1.3; Node drops that version when no suite of it is named. */
const tls13Suites = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'

/** OpenSSL refuses the SHA-1 signatures of TLS 1.0 and 1.1 at any higher level. */
const legacyLevel = '@SECLEVEL=0'

/** Length of the secret behind session tickets: name, HMAC and AES key. */
export const ticketKeyBytes = 48

/** Paths are absolute; `data:` and PEM stands for a file wherever one is named. */
export interface TlsContextOptions {
  /** With several key types the client's algorithms decide which is used. */
  readonly certificates: readonly TlsCertificate[]
  readonly passwordFile?: string
  readonly protocols: readonly TlsProtocol[]
  /** In OpenSSL's syntax, e.g. `HIGH:!aNULL:!MD5`. */
  readonly ciphers: string
  /** `auto`, or names separated by colons. */
  readonly ecdhCurve?: string
  readonly dhparam?: string
  readonly preferServerCiphers?: boolean
  /** Who may sign peers' certificates: `ssl_client_certificate`, `ssl_trusted_certificate`, … */
  readonly authorities?: readonly string[]
  readonly revocations?: string
  readonly sessionTimeoutSeconds?: number
  readonly sessionTickets?: boolean
}

export interface TlsContext {
  readonly secure: SecureContext
  /** Equal for equal settings and files. */
  readonly identity: string
}

export class TlsContexts {
  readonly #ticketKey: Buffer | undefined
  readonly #known = new Map<string, WeakRef<TlsContext>>()
  readonly #gone = new FinalizationRegistry<string>((identity) => this.#forget(identity))

  /** Workers that are given the same `ticketKey` (48 bytes) resume each other's sessions. */
  constructor(ticketKey?: Buffer) {
    this.#ticketKey = ticketKey
  }

  /** How many contexts are alive. */
  get size(): number {
    return this.#known.size
  }

  /** Throws `ConfError` in nginx's words. */
  get(options: TlsContextOptions): TlsContext {
    const identity = identify(options)
    const known = this.#known.get(identity)?.deref()
    if (known !== undefined) return known
    const secure = createContext(toNodeOptions(options, identity, this.#ticketKey), options)
    const context = Object.freeze({ secure, identity })
    this.#known.set(identity, new WeakRef(context))
    this.#gone.register(context, identity)
    return context
  }

  /** By the time a context is collected another may stand in its place. */
  #forget(identity: string): void {
    if (this.#known.get(identity)?.deref() === undefined) this.#known.delete(identity)
  }
}

function identify(options: TlsContextOptions): string {
  const files = [
    ...options.certificates.flatMap(({ certificate, key }) => [certificate, key]),
    ...(options.authorities ?? []),
    ...[options.passwordFile, options.dhparam, options.revocations].filter(
      (file) => file !== undefined,
    ),
  ]
  const text = JSON.stringify([options, files.map(contentIdentity)])
  return createHash('sha256').update(text).digest('hex')
}

function toNodeOptions(
  options: TlsContextOptions,
  identity: string,
  ticketKey: Buffer | undefined,
): SecureContextOptions {
  const pairs = readPairs(options)
  return {
    cert: pairs.map(({ certificate }) => certificate),
    key: pairs.map(({ key: { pem, passphrase } }) => ({
      pem,
      ...(passphrase === undefined ? {} : { passphrase }),
    })),
    ...versions(options.protocols),
    ciphers: ciphers(options),
    secureOptions: secureOptions(options),
    honorCipherOrder: options.preferServerCiphers ?? false,
    // A session is resumed only where it was made: client certificates are not checked again.
    sessionIdContext: identity.slice(0, 32),
    ecdhCurve: options.ecdhCurve,
    dhparam: options.dhparam === undefined ? undefined : readDhParameters(options.dhparam),
    crl: options.revocations === undefined ? undefined : readRevocations(options.revocations),
    ca: options.authorities?.map(readAuthorities),
    sessionTimeout: options.sessionTimeoutSeconds,
    ticketKeys: ticketKey,
  }
}

interface Pair {
  readonly certificate: string
  readonly key: OpenedKey
}

function readPairs({ certificates, passwordFile }: TlsContextOptions): readonly Pair[] {
  const passwords = passwordFile === undefined ? [] : readPasswords(passwordFile)
  const lastOfKind = new Map<string, Pair>()
  for (const source of certificates) {
    const certificate = readCertificate(source.certificate)
    const key = readKey(source.key, passwords)
    const pair = { certificate, key }
    // A single pair is matched by the context itself.
    if (certificates.length === 1) return [pair]
    lastOfKind.set(kindOf(pair, source), pair)
  }
  return [...lastOfKind.values()]
}

/** OpenSSL holds one pair for each kind of key, and as in nginx the last one is shown. */
function kindOf({ certificate, key: { pem, passphrase } }: Pair, { key }: TlsCertificate): string {
  const leaf = new X509Certificate(certificate)
  const secret = createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase })
  if (leaf.checkPrivateKey(secret)) return String(leaf.publicKey.asymmetricKeyType)
  throw new ConfError(mismatch(key))
}

function mismatch(key: string): string {
  const text = 'error:05800074:x509 certificate routines::key values mismatch'
  return `SSL_CTX_use_PrivateKey("${sourceName(key)}") failed (SSL: ${text})`
}

function versions(
  protocols: readonly TlsProtocol[],
): Pick<SecureContextOptions, 'minVersion' | 'maxVersion'> {
  const listed = protocolOrder.filter((protocol) => protocols.includes(protocol))
  const lowest = listed[0]
  const highest = listed.at(-1)
  if (lowest === undefined || highest === undefined)
    throw new ConfError('no TLS protocol is enabled')
  return { minVersion: lowest, maxVersion: highest }
}

function ciphers({ ciphers: list, protocols }: TlsContextOptions): string {
  const legacy = protocols.includes('TLSv1') || protocols.includes('TLSv1.1')
  const parts = [tls13Suites, list]
  if (legacy && !list.includes('@SECLEVEL')) parts.push(legacyLevel)
  return parts.join(':')
}

function secureOptions({ protocols, sessionTickets }: TlsContextOptions): number {
  let bits = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION
  for (const protocol of protocolOrder) {
    if (!protocols.includes(protocol)) bits |= protocolSwitches[protocol]
  }
  return sessionTickets === false ? bits | constants.SSL_OP_NO_TICKET : bits
}

function createContext(node: SecureContextOptions, options: TlsContextOptions): SecureContext {
  try {
    return createSecureContext(node)
  } catch (error) {
    throw new ConfError(contextFault(error, options))
  }
}

/** Which of OpenSSL's calls it was, told by its error. */
function contextFault(error: unknown, options: TlsContextOptions): string {
  const { code } = error as NodeJS.ErrnoException
  const text = `failed (SSL: ${opensslText(error)})`
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') {
    return mismatch(options.certificates.at(-1)?.key ?? '')
  }
  if (code === 'ERR_SSL_NO_CIPHER_MATCH') {
    return `SSL_CTX_set_cipher_list("${options.ciphers}") ${text}`
  }
  if (/ECDH curve/.test(opensslText(error))) {
    return `SSL_CTX_set1_curves_list("${options.ecdhCurve ?? ''}") ${text}`
  }
  return `SSL_CTX_new() ${text}`
}
