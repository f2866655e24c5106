/**
 * `ssl_session_cache shared:name:size`: TLS sessions that all workers know.
 *
 * ```text
 *   set 0   lock · slot · slot · … 8       a session's id says which set; within it the slot that was
 *   set 1   lock · slot · slot · … 8       written longest ago goes
 *   slot    written:4 id length:2 length:2 id:32 session:984
 * ```
 */
import { SharedLock } from '../core/shared-lock.ts'
import type { SessionStore } from '../net/openssl/ssl-callbacks.ts'

/** What one session costs in nginx: a cache of a given size holds as many sessions as there. */
const bytesPerSession = 256
const slotBytes = 1024
const slotsPerSet = 8
/** Lock, and what keeps slots aligned. */
const setHeadBytes = 16
const setBytes = setHeadBytes + slotsPerSet * slotBytes

const writtenAt = 0
const idLengthAt = 4
const lengthAt = 6
const idAt = 8
const idBytesMax = 32
const sessionAt = 40
/** A session with a client's certificate may be larger; it is not kept, and the client starts anew. */
const sessionBytesMax: number = slotBytes - sessionAt

/** Memory for as many sessions as nginx keeps in `bytes`. */
export function sharedSessionsBytes(bytes: number): number {
  return setsFor(bytes) * setBytes
}

function setsFor(bytes: number): number {
  return Math.max(1, Math.floor(bytes / bytesPerSession / slotsPerSet))
}

export class SharedSessions implements SessionStore {
  readonly #bytes: Buffer
  readonly #words: Int32Array
  readonly #sets: number

  /** `memory` is of the size that `sharedSessionsBytes` says, zeroed when new. */
  constructor(memory: ArrayBuffer) {
    this.#bytes = Buffer.from(memory)
    this.#words = new Int32Array(memory)
    this.#sets = Math.floor(memory.byteLength / setBytes)
  }

  set(id: Buffer, session: Buffer): void {
    if (!isId(id) || session.length > sessionBytesMax) return
    this.#within(id, (set) => {
      const slot = this.#find(set, id) ?? this.#oldest(set)
      const bytes = this.#bytes
      bytes.writeUInt32LE(Math.floor(Date.now() / 1000), slot + writtenAt)
      bytes.writeUInt16LE(id.length, slot + idLengthAt)
      bytes.writeUInt16LE(session.length, slot + lengthAt)
      id.copy(bytes, slot + idAt)
      session.copy(bytes, slot + sessionAt)
    })
  }

  get(id: Buffer): Buffer | undefined {
    if (!isId(id)) return undefined
    return this.#within(id, (set) => {
      const slot = this.#find(set, id)
      if (slot === undefined) return undefined
      const at = slot + sessionAt
      return Buffer.from(this.#bytes.subarray(at, at + this.#bytes.readUInt16LE(slot + lengthAt)))
    })
  }

  delete(id: Buffer): void {
    if (!isId(id)) return
    this.#within(id, (set) => {
      const slot = this.#find(set, id)
      if (slot !== undefined) this.#bytes.fill(0, slot, slot + idAt)
    })
  }

  /** Under the set's lock; whoever cannot have it does without the cache. */
  #within<T>(id: Buffer, work: (set: number) => T): T | undefined {
    const set = (id.readUInt32LE(0) % this.#sets) * setBytes
    const lock = new SharedLock(this.#words, set / Int32Array.BYTES_PER_ELEMENT)
    if (!lock.lock()) return undefined
    try {
      return work(set)
    } finally {
      lock.unlock()
    }
  }

  #find(set: number, id: Buffer): number | undefined {
    for (let i = 0; i < slotsPerSet; i += 1) {
      const slot = set + setHeadBytes + i * slotBytes
      if (this.#bytes.readUInt16LE(slot + idLengthAt) !== id.length) continue
      if (this.#bytes.compare(id, 0, id.length, slot + idAt, slot + idAt + id.length) === 0) {
        return slot
      }
    }
    return undefined
  }

  #oldest(set: number): number {
    let oldest = set + setHeadBytes
    for (let i = 1; i < slotsPerSet; i += 1) {
      const slot = set + setHeadBytes + i * slotBytes
      if (this.#bytes.readUInt32LE(slot) < this.#bytes.readUInt32LE(oldest)) oldest = slot
    }
    return oldest
  }
}

/** OpenSSL's are 32 random bytes; an old client may bring something else. */
function isId(id: Buffer): boolean {
  return id.length >= 4 && id.length <= idBytesMax
}
