/**
 * The TLS contexts of a process, with one secret for session tickets in all workers: a client that comes
 * back to another worker resumes its session there.
 */
import { randomFillSync } from 'node:crypto'
import { longTicketKeyBytes, type TicketKey, toTicketKey } from '../net/openssl/ticket-keys.ts'
import { TlsContexts } from '../net/tls/tls-contexts.ts'
import type { ZoneMemory } from './limit-conn.ts'

const known = new WeakMap<ZoneMemory, TlsContexts>()

export function tlsContextsOf(memory: ZoneMemory): TlsContexts {
  const contexts = known.get(memory) ?? new TlsContexts(lazyKeys(memory))
  known.set(memory, contexts)
  return contexts
}

/** Asked for by the first client that gets a ticket. */
function lazyKeys(memory: ZoneMemory): () => readonly TicketKey[] {
  let keys: readonly TicketKey[] | undefined
  return () => (keys ??= [toTicketKey(sharedTicketKey(memory))!])
}

/** Words before the secret: the state it is in. */
const headBytes = 8
const empty = 0
const filling = 1
const ready = 2
/** How long to wait for another process that is writing the secret: it needs microseconds. */
const waitMs = 100

/** The secret in shared memory; whoever comes first makes it. */
function sharedTicketKey(memory: ZoneMemory): Buffer {
  const buffer = memory.open('tls tickets', headBytes + longTicketKeyBytes)
  const state = new Int32Array(buffer, 0, 1)
  const key = Buffer.from(buffer, headBytes, longTicketKeyBytes)
  if (Atomics.compareExchange(state, 0, empty, filling) === empty) {
    randomFillSync(key)
    Atomics.store(state, 0, ready)
  }
  const deadline = performance.now() + waitMs
  while (Atomics.load(state, 0) !== ready && performance.now() < deadline) {
    // A worker that died while writing leaves the others with keys of their own.
  }
  return Atomics.load(state, 0) === ready
    ? Buffer.from(key)
    : randomFillSync(Buffer.alloc(longTicketKeyBytes))
}
