/**
 * Memory that OpenSSL reads from and writes to without a call to tell how much is there.
 *
 * A memory BIO keeps its bytes by a `BUF_MEM`, which may be given to it. Ours lie in an arena, so that this
 * side reads and writes their words as OpenSSL does.
 *
 * ```text
 *   BIO ─▶ BIO_BUF_MEM: buf ───▶ BUF_MEM: length · data · max · flags      (8 bytes each)
 *                       readp ─▶ a second one, for what is still to be read
 * ```
 *
 * A BIO that is marked read-only reads by `buf` itself. One to be written to counts by `readp` and copies it
 * to and fro; here both are the same. `BIO_BUF_MEM` is OpenSSL's own affair (crypto/bio/bss_mem.c), so it is
 * looked at before it is relied upon.
 *
 * Each lives as long as the process.
 */
import assert from 'node:assert/strict'
import type { Region } from '../ffi/arena.ts'
import { BIO_C_SET_BUF_MEM, BIO_FLAGS_MEM_RDONLY, BIO_NOCLOSE } from './constants.ts'
import { bytesAt, openssl, type Pointer, writeAt } from './libssl.ts'

/** Bytes of a `BUF_MEM`. */
export const bufMemBytes = 32

/** Its words of four bytes, lower halves. */
const lengthAt = 0
const dataAt = 2
const maxAt = 4

/** What OpenSSL is to read. */
export class InputBio {
  readonly address: Pointer
  readonly #words: Uint32Array

  /** `memory` holds the `BUF_MEM`. */
  constructor(memory: Region) {
    this.#words = memory.u32
    this.address = bioOn(memory)
    openssl().BIO_set_flags(this.address, BIO_FLAGS_MEM_RDONLY)
  }

  /** Offers bytes in an arena, in place of what was left of those before. */
  offer(address: number, length: number): void {
    const words = this.#words
    setAddress(words, address)
    words[lengthAt] = length
    words[maxAt] = length
  }

  clear(): void {
    this.#words[lengthAt] = 0
  }
}

/** What OpenSSL writes; it must never be more than there is room for, which OpenSSL would make by `realloc`. */
export class OutputBio {
  readonly address: Pointer
  readonly #words: Uint32Array

  /** `memory` holds the `BUF_MEM`, `room` what is written. */
  constructor(memory: Region, room: Region) {
    const words = memory.u32
    this.#words = words
    setAddress(words, room.address)
    words[lengthAt] = 0
    words[maxAt] = room.bytes.length
    this.address = bioOn(memory)
    countByOne(this.address, memory)
  }

  /** So many bytes have been written since the last call; the next come in their place. */
  take(): number {
    const length = this.#words[lengthAt]!
    this.#words[lengthAt] = 0
    return length
  }
}

function bioOn({ address }: Region): Pointer {
  const { BIO_new, BIO_s_mem, BIO_ctrl } = openssl()
  const bio = BIO_new(BIO_s_mem())
  BIO_ctrl(bio, BIO_C_SET_BUF_MEM, BIO_NOCLOSE, address)
  return bio
}

/** Has `readp` be `buf`. */
function countByOne(bio: Pointer, { address, bytes }: Region): void {
  const own = openssl().BIO_get_data(bio)
  const pointers = bytesAt(own, 16)
  const [buf, readp] = [pointers.readBigUInt64LE(0), pointers.readBigUInt64LE(8)]
  const isKnown = buf === BigInt(address) && bytesAt(Number(readp), bufMemBytes).equals(bytes)
  assert(isKnown, 'OpenSSL keeps its memory as it is known to')
  pointers.writeBigUInt64LE(buf, 8)
  writeAt(own, pointers)
}

function setAddress(words: Uint32Array, address: number): void {
  words[dataAt] = address
  words[dataAt + 1] = address / 2 ** 32
}
