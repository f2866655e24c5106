/**
 * Memory outside of the JavaScript heap for what system calls read and write.
 *
 * An arena never moves, so every address in it is a plain number, worked out once: no pointer object is
 * made on the data path. It lies below 4 GiB where the kernel offers that (MAP_32BIT, x64 only), because
 * 32-bit arguments are the cheapest to pass; elsewhere addresses are exact doubles all the same.
 *
 * An arena is never given back: views of it may live anywhere, and a process makes a handful.
 */
import type { Koffi } from './libc.ts'

const pageBytes = 4096
const protReadWrite = 0x1 | 0x2
const mapPrivateAnonymous = 0x02 | 0x20
const map32Bit = 0x40
const below4GiB = 2 ** 32

/** A piece of an arena: the same bytes as address, `Buffer` and words. */
export interface Region {
  readonly address: number
  readonly bytes: Buffer
  readonly u32: Uint32Array
  readonly i32: Int32Array
}

/** Where the memory of arenas begins. */
const bases = new WeakMap<ArrayBufferLike, number>()

/** The one that was asked for last, which is the one that is asked for next more often than not. */
let lastBuffer: ArrayBufferLike | undefined
let lastBase = 0

/** The address of bytes in an arena; 0 for all others. */
export function addressOf(bytes: Uint8Array): number {
  const { buffer } = bytes
  if (buffer !== lastBuffer) {
    const base = bases.get(buffer)
    if (base === undefined) return 0
    lastBuffer = buffer
    lastBase = base
  }
  return lastBase + bytes.byteOffset
}

export class Arena {
  readonly address: number
  readonly buffer: ArrayBuffer
  #used = 0

  constructor(address: number, buffer: ArrayBuffer) {
    this.address = address
    this.buffer = buffer
    bases.set(buffer, address)
  }

  /** Bytes that are left. */
  get free(): number {
    return this.buffer.byteLength - this.#used
  }

  /** Takes the next `bytes`, aligned to eight. */
  take(bytes: number): Region {
    const at = this.#used
    const end = at + Math.ceil(bytes / 8) * 8
    if (end > this.buffer.byteLength) throw new RangeError('the arena is full')
    this.#used = end
    const words = Math.ceil(bytes / 4)
    return {
      address: this.address + at,
      bytes: Buffer.from(this.buffer, at, bytes),
      u32: new Uint32Array(this.buffer, at, words),
      i32: new Int32Array(this.buffer, at, words),
    }
  }
}

/** Maps arenas. `pointerType` is how koffi shall take their addresses. */
export interface ArenaSource {
  readonly pointerType: 'uint32_t' | 'uintptr_t'
  create(bytes: number): Arena
}

export function createArenaSource(koffi: Koffi): ArenaSource {
  const mmap = koffi
    .load(null)
    .func('uintptr_t mmap(uintptr_t, uintptr_t, int, int, int, int64_t)') as (
    ...args: number[]
  ) => number | bigint
  const map = (bytes: number, flags: number): number =>
    Number(mmap(0, bytes, protReadWrite, mapPrivateAnonymous | flags, -1, 0))
  const low = process.arch === 'x64' && isLow(map(pageBytes, map32Bit))
  const create = (wanted: number): Arena => {
    // Whole pages are mapped anyway, and pieces are rounded up to words.
    const bytes = Math.ceil(wanted / pageBytes) * pageBytes
    const address = map(bytes, low ? map32Bit : 0)
    if (!Number.isSafeInteger(address) || (low && !isLow(address))) {
      throw new Error(`mmap() of ${bytes} bytes failed`)
    }
    return new Arena(address, koffi.view(BigInt(address), bytes))
  }
  return { pointerType: low ? 'uint32_t' : 'uintptr_t', create }
}

/** MAP_FAILED is the highest address there is. */
function isLow(address: number): boolean {
  return address < below4GiB
}
