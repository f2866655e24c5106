/**
 * What TLS of a process stands on: contexts, sessions that all workers know, and the keys of their tickets,
 * so that a client that comes back to another worker resumes its session there.
 */
import type { SessionStore } from '../net/openssl/ssl-callbacks.ts'
import { TlsContexts } from '../net/tls/tls-contexts.ts'
import type { ZoneMemory } from '../core/zone-memory.ts'
import { SharedSessions, sharedSessionsBytes } from './shared-sessions.ts'
import { SharedTicketKeys } from './shared-ticket-keys.ts'

export class TlsResources {
  readonly contexts: TlsContexts
  readonly #memory: ZoneMemory
  readonly #sessions = new Map<string, SessionStore>()

  constructor(memory: ZoneMemory) {
    const keys = new SharedTicketKeys(memory)
    this.contexts = new TlsContexts(() => keys.current())
    this.#memory = memory
  }

  /** The cache of that name and size, the same in all workers. */
  sessions(name: string, bytes: number): SessionStore {
    const id = `${name}:${bytes}`
    const known = this.#sessions.get(id)
    if (known !== undefined) return known
    const store = new SharedSessions(
      () => this.#memory.open(`ssl sessions ${name}`, sharedSessionsBytes(bytes)).buffer,
    )
    this.#sessions.set(id, store)
    return store
  }
}

const known = new WeakMap<ZoneMemory, TlsResources>()

export function tlsResourcesOf(memory: ZoneMemory): TlsResources {
  return known.getOrInsertComputed(memory, () => new TlsResources(memory))
}

export function tlsContextsOf(memory: ZoneMemory): TlsContexts {
  return tlsResourcesOf(memory).contexts
}
