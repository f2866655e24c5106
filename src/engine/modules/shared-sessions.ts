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

/** Memory of the size that `sharedSessionsBytes` says, zeroed when new. */
export type OpenMemory = () => ArrayBuffer

interface Table {
  readonly bytes: Buffer
  readonly words: Int32Array
  readonly sets: number
}

export class SharedSessions implements SessionStore {
  readonly #open: OpenMemory
  #table: Table | undefined | 'not opened' = 'not opened'

  /** Memory is opened by the first session: a configuration that is only tested takes none. */
  constructor(open: OpenMemory) {
    this.#open = open
  }

  set(id: Buffer, session: Buffer): void {
    if (!isId(id) || session.length > sessionBytesMax) return
    this.#within(id, (table, set) => {
      const slot = findSlot(table, set, id) ?? oldestSlot(table, set)
      const { bytes } = table
      bytes.writeUInt32LE(Math.floor(Date.now() / 1000), slot + writtenAt)
      bytes.writeUInt16LE(id.length, slot + idLengthAt)
      bytes.writeUInt16LE(session.length, slot + lengthAt)
      id.copy(bytes, slot + idAt)
      session.copy(bytes, slot + sessionAt)
    })
  }

  get(id: Buffer): Buffer | undefined {
    if (!isId(id)) return undefined
    return this.#within(id, (table, set) => {
      const slot = findSlot(table, set, id)
      if (slot === undefined) return undefined
      const { bytes } = table
      const at = slot + sessionAt
      return Buffer.from(bytes.subarray(at, at + bytes.readUInt16LE(slot + lengthAt)))
    })
  }

  delete(id: Buffer): void {
    if (!isId(id)) return
    this.#within(id, (table, set) => {
      const slot = findSlot(table, set, id)
      if (slot !== undefined) table.bytes.fill(0, slot, slot + idAt)
    })
  }

  /** Under the set's lock; whoever cannot have it does without the cache, and so where there is no memory. */
  #within<T>(id: Buffer, work: (table: Table, set: number) => T): T | undefined {
    const table = this.#opened()
    if (table === undefined) return undefined
    const set = (id.readUInt32LE(0) % table.sets) * setBytes
    const lock = new SharedLock(table.words, set / Int32Array.BYTES_PER_ELEMENT)
    if (!lock.lock()) return undefined
    try {
      return work(table, set)
    } finally {
      lock.unlock()
    }
  }

  #opened(): Table | undefined {
    if (this.#table === 'not opened') this.#table = openTable(this.#open)
    return this.#table
  }
}

function openTable(open: OpenMemory): Table | undefined {
  try {
    const memory = open()
    const sets = Math.floor(memory.byteLength / setBytes)
    return { bytes: Buffer.from(memory), words: new Int32Array(memory), sets }
  } catch {
    // In the middle of a handshake nobody can be told; clients begin anew.
    return undefined
  }
}

function findSlot({ bytes }: Table, set: number, id: Buffer): number | undefined {
  for (let i = 0; i < slotsPerSet; i += 1) {
    const slot = set + setHeadBytes + i * slotBytes
    if (bytes.readUInt16LE(slot + idLengthAt) !== id.length) continue
    if (bytes.compare(id, 0, id.length, slot + idAt, slot + idAt + id.length) === 0) return slot
  }
  return undefined
}

function oldestSlot({ bytes }: Table, set: number): number {
  let oldest = set + setHeadBytes
  for (let i = 1; i < slotsPerSet; i += 1) {
    const slot = set + setHeadBytes + i * slotBytes
    if (bytes.readUInt32LE(slot) < bytes.readUInt32LE(oldest)) oldest = slot
  }
  return oldest
}

/** OpenSSL's are 32 random bytes; an old client may bring something else. */
function isId(id: Buffer): boolean {
  return id.length >= 4 && id.length <= idBytesMax
}
