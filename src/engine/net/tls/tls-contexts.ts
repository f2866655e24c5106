/**
 * TLS settings in nginx's terms, made into contexts of Node's.
 *
 * A context holds a certificate chain, keys and lists, a few hundred kilobytes; servers with equal settings
 * and unchanged files share one, so that ten thousand virtual servers with a wildcard certificate cost one.
 * Contexts are held weakly: one that no server and no connection uses is gone.
 */
import { createHash } from 'node:crypto'
import type { SessionStore } from '../openssl/ssl-callbacks.ts'
import type { SslContext } from '../openssl/ssl-context.ts'
import type { TicketKey } from '../openssl/ticket-keys.ts'
import { buildContext } from './build-context.ts'
import type { StaplingOptions } from './build-stapling.ts'
import { contentIdentity, type TlsCertificate } from './tls-files.ts'
import type { TlsProtocol } from './tls-protocols.ts'

/** How sessions are kept that clients come back to, beside those in their tickets. */
export interface SessionCaching {
  /** `none` keeps nothing and says so to nobody; `off` tells clients that nothing is resumed. */
  readonly mode: 'off' | 'none' | 'builtin' | 'shared'
  /** Of `builtin`, in sessions. */
  readonly sessions?: number | undefined
  /** Of `shared`. */
  readonly store?: SessionStore | undefined
  /** Tells one store from another. */
  readonly id?: string | undefined
}

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
  readonly sessionCache?: SessionCaching
  /** Files of keys for tickets; without them, the key of all workers. */
  readonly ticketKeyFiles?: readonly string[]
  /** Authorities whose names are sent to clients who are asked for a certificate. */
  readonly announced?: string
  /** Most plain bytes in one record. */
  readonly recordBytes?: number
  /** Sends what OCSP says of the certificates. */
  readonly stapling?: StaplingOptions
  readonly earlyData?: boolean
  /** `ssl_conf_command`: names and values of OpenSSL's own configuration. */
  readonly commands?: readonly (readonly [name: string, value: string])[]
  /** Told of what goes wrong later, such as an authority that does not answer. */
  readonly onFault?: (text: string) => void
}

export interface TlsContext {
  readonly ssl: SslContext
  /** Equal for equal settings and files. */
  readonly identity: string
  /** Clients may send a request before the handshake is done. */
  readonly earlyData: boolean
  /** What of the settings is not followed. */
  readonly warnings: readonly string[]
}

export class TlsContexts {
  readonly #ticketKeys: (() => readonly TicketKey[]) | undefined
  readonly #known = new Map<string, WeakRef<TlsContext>>()
  readonly #gone = new FinalizationRegistry<string>((identity) => this.#forget(identity))

  /** Workers that are given the same keys resume each other's sessions. */
  constructor(ticketKeys?: () => readonly TicketKey[]) {
    this.#ticketKeys = ticketKeys
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
    const warnings: string[] = []
    const ssl = buildContext(options, identifySessions(options), {
      ticketKeys: this.#ticketKeys,
      warn: (text) => warnings.push(text),
      onFault: options.onFault ?? ignore,
    })
    const context = Object.freeze({
      ssl,
      identity,
      warnings,
      earlyData: options.earlyData === true,
    })
    this.#known.set(identity, new WeakRef(context))
    this.#gone.register(context, identity)
    return context
  }

  /** By the time a context is collected another may stand in its place. */
  #forget(identity: string): void {
    if (this.#known.get(identity)?.deref() === undefined) this.#known.delete(identity)
  }
}

/**
 * Sessions are resumed by servers that show and trust the same: what a client was verified by then holds
 * here. Other settings, keys of tickets among them, may change meanwhile.
 */
function identifySessions({
  certificates,
  authorities = [],
  revocations,
}: TlsContextOptions): string {
  const files = [...certificates.map(({ certificate }) => certificate), ...authorities]
  if (revocations !== undefined) files.push(revocations)
  return createHash('sha256')
    .update(JSON.stringify(files.map(contentIdentity)))
    .digest('hex')
}

function ignore(): void {}

function identify(options: TlsContextOptions): string {
  const { certificates, authorities, ticketKeyFiles, sessionCache } = options
  const { passwordFile, dhparam, revocations, announced, stapling } = options
  const single = [passwordFile, dhparam, revocations, announced, stapling?.file]
  const files = [
    ...certificates.flatMap(({ certificate, key }) => [certificate, key]),
    ...(authorities ?? []),
    ...(ticketKeyFiles ?? []),
    ...single.filter((file) => file !== undefined),
  ]
  const said = { ...options, sessionCache: sessionCache && { ...sessionCache, store: undefined } }
  const text = JSON.stringify([said, files.map(contentIdentity)])
  return createHash('sha256').update(text).digest('hex')
}
