/** TLS sessions of upstreams, to spare the next connection the key exchange. */

/** A session is about two kilobytes; one per peer is kept. */
const sessionsMax = 1024

export class SessionCache {
  readonly #sessions = new Map<string, Buffer>()

  get(key: string): Buffer | undefined {
    return this.#sessions.get(key)
  }

  /** The newest is kept; beyond the limit the one that was renewed longest ago goes. */
  set(key: string, session: Buffer): void {
    this.#sessions.delete(key)
    this.#sessions.set(key, session)
    if (this.#sessions.size <= sessionsMax) return
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest)
      return
    }
  }
}
