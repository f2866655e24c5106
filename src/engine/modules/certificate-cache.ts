/**
 * Contexts of certificates whose names hang on the client.
 *
 * Without `ssl_certificate_cache` files are looked at for every handshake, and what they hold is loaded
 * again only when it has changed or when nobody uses it any more. With it, contexts stay, and files are
 * taken for unchanged for a while.
 */
import type { TlsContext, TlsContextOptions, TlsContexts } from '../net/tls/tls-contexts.ts'
import type { CertificateCacheConf } from './ssl-values.ts'

interface Entry {
  readonly context: TlsContext
  readonly loadedAt: number
  usedAt: number
}

export class CertificateCache {
  readonly #contexts: TlsContexts
  readonly #conf: CertificateCacheConf | undefined
  readonly #now: () => number
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>()

  constructor(
    contexts: TlsContexts,
    conf: CertificateCacheConf | undefined,
    now: () => number = Date.now,
  ) {
    this.#contexts = contexts
    this.#conf = conf
    this.#now = now
  }

  /** Throws `ConfError` where the files cannot be loaded. */
  get(options: TlsContextOptions): TlsContext {
    const conf = this.#conf
    if (conf === undefined) return this.#contexts.get(options)
    const now = this.#now()
    const key = JSON.stringify(options.certificates)
    const known = this.#entries.get(key)
    this.#entries.delete(key)
    const fresh = known !== undefined && now - known.loadedAt < conf.validMs
    const entry = fresh ? known : { context: this.#contexts.get(options), loadedAt: now, usedAt: 0 }
    entry.usedAt = now
    this.#entries.set(key, entry)
    this.#shrink(now, conf)
    return entry.context
  }

  /** The one that was used longest ago is the first. */
  #shrink(now: number, { max, inactiveMs }: CertificateCacheConf): void {
    for (const [key, { usedAt }] of this.#entries) {
      if (this.#entries.size <= max && now - usedAt <= inactiveMs) return
      this.#entries.delete(key)
    }
  }
}
