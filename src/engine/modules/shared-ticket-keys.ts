/**
 * Keys of session tickets in memory that all workers share. From time to time whoever notices first makes a
 * new one; tickets of the keys before are still opened, so that no client loses its session by it.
 *
 * ```text
 *   lock · newest:4 · ( madeAt:8 key:80 ) × 3
 * ```
 */
import { randomFillSync } from 'node:crypto'
import { monotonicMs } from '../core/monotonic.ts'
import { SharedLock } from '../core/shared-lock.ts'
import { longTicketKeyBytes, type TicketKey, toTicketKey } from '../net/openssl/ticket-keys.ts'
import type { ZoneMemory } from '../core/zone-memory.ts'

/** Three keys of eight hours: a ticket of the longest usual time-out, a day, is opened for nearly as long. */
const keyAgeMaxMs: number = 8 * 60 * 60 * 1000
const keysKept = 3

const headBytes = 16
const newestAt = 4
const recordBytes: number = 8 + longTicketKeyBytes
const totalBytes: number = headBytes + keysKept * recordBytes

export class SharedTicketKeys {
  readonly #memory: ZoneMemory
  readonly #now: () => number
  #bytes: Buffer | undefined = undefined
  #keys: readonly TicketKey[] = []
  /** When the newest of `#keys` was made; -1 before there are any. */
  #newestAt = -1

  constructor(memory: ZoneMemory, now: () => number = monotonicMs) {
    this.#memory = memory
    this.#now = now
  }

  /** The newest first. Memory is opened when the first ticket is asked for. */
  current(): readonly TicketKey[] {
    const bytes = (this.#bytes ??= openKeys(this.#memory))
    if (this.#isFresh(bytes)) return this.#keys
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, 1)
    const lock = new SharedLock(words, 0)
    const locked = lock.lock()
    try {
      if (locked && !this.#isYoung(bytes)) addKey(bytes, this.#now())
      this.#read(bytes)
    } finally {
      if (locked) lock.unlock()
    }
    return this.#keys
  }

  /** What was read last is what is there, and young enough. */
  #isFresh(bytes: Buffer): boolean {
    return this.#newestAt === madeAt(bytes, newestOf(bytes)) && this.#isYoung(bytes)
  }

  #isYoung(bytes: Buffer): boolean {
    const made = madeAt(bytes, newestOf(bytes))
    return made > 0 && this.#now() - made < keyAgeMaxMs
  }

  #read(bytes: Buffer): void {
    const newest = newestOf(bytes)
    const order = Array.from({ length: keysKept }, (_, i) => (newest - i + keysKept) % keysKept)
    this.#newestAt = madeAt(bytes, newest)
    this.#keys = order
      .filter((at) => madeAt(bytes, at) > 0)
      .map((at) => toTicketKey(Buffer.from(keyBytes(bytes, at)))!)
  }
}

/** Where there is no memory to share, each worker has keys of its own. */
function openKeys(memory: ZoneMemory): Buffer {
  try {
    return Buffer.from(memory.open('tls tickets', totalBytes).buffer)
  } catch {
    // Of its own memory: the lock's word must be aligned.
    return Buffer.from(new ArrayBuffer(totalBytes))
  }
}

function newestOf(bytes: Buffer): number {
  return bytes.readUInt32LE(newestAt) % keysKept
}

function madeAt(bytes: Buffer, at: number): number {
  return bytes.readDoubleLE(headBytes + at * recordBytes)
}

function keyBytes(bytes: Buffer, at: number): Buffer {
  const start = headBytes + at * recordBytes + 8
  return bytes.subarray(start, start + longTicketKeyBytes)
}

/** In the place of the oldest. */
function addKey(bytes: Buffer, now: number): void {
  const next = (newestOf(bytes) + 1) % keysKept
  randomFillSync(keyBytes(bytes, next))
  bytes.writeDoubleLE(now, headBytes + next * recordBytes)
  bytes.writeUInt32LE(next, newestAt)
}
