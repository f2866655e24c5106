/**
 * What an upstream has answered and the client has not taken yet: in memory first, in a file beyond.
 *
 * ```text
 *   upstream ─▶ memory, up to proxy_buffers ─▶ file, up to proxy_max_temp_file_size ─▶ full: the upstream waits
 *                  │                              │
 *                  └──── client, oldest first ◀───┘   the file once the memory before it has gone
 * ```
 *
 * The file has no name. Reading and writing it is done at once: it is the page cache that is written to.
 */
import { closeSync, constants, mkdirSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface SpoolLimits {
  readonly memoryBytes: number
  /** 0: no file. */
  readonly fileBytes: number
  /** Folder of the file. */
  readonly folder: string
}

const folderMode = 0o700
const fileMode = 0o600
/** One piece on its way from the file to the client. */
const pieceBytes = 32 * 1024

/** One series of names for all files of the process. */
let lastNumber = 0

/** Takes pieces; false asks to stop. */
export type SpoolReader = (bytes: Buffer, from: number, to: number) => boolean

export class ResponseSpool {
  readonly #limits: SpoolLimits
  readonly #blocks: Buffer[] = []
  #memoryBytes = 0
  #descriptor = -1
  #written = 0
  #read = 0
  #piece: Buffer | undefined

  constructor(limits: SpoolLimits) {
    this.#limits = limits
  }

  get empty(): boolean {
    return this.#memoryBytes === 0 && this.#read === this.#written
  }

  /** True when nothing more should come for now. */
  get full(): boolean {
    const { memoryBytes, fileBytes } = this.#limits
    if (this.#memoryBytes < memoryBytes) return this.#written > 0 && this.#written >= fileBytes
    return fileBytes === 0 || this.#written >= fileBytes
  }

  /** True while something is, or was, in the file. */
  get inFile(): boolean {
    return this.#descriptor >= 0
  }

  /** Keeps a copy. Throws where the file cannot be written. */
  push(bytes: Buffer, from: number, to: number): void {
    const room = this.#limits.memoryBytes - this.#memoryBytes
    const toMemory = this.#written === this.#read ? Math.min(Math.max(room, 0), to - from) : 0
    // Without a file the last piece is kept whole: it has come already.
    const kept = this.#limits.fileBytes === 0 ? to - from : toMemory
    if (kept > 0) {
      this.#blocks.push(Buffer.from(bytes.subarray(from, from + kept)))
      this.#memoryBytes += kept
    }
    if (from + kept < to) this.#writeFile(bytes, from + kept, to)
  }

  /** Hands over what is here until the reader says stop; true when all is gone. */
  drain(read: SpoolReader): boolean {
    while (this.#blocks.length > 0) {
      const block = this.#blocks.shift()!
      this.#memoryBytes -= block.length
      if (!read(block, 0, block.length)) return this.empty
    }
    while (this.#read < this.#written) {
      this.#piece ??= Buffer.allocUnsafeSlow(pieceBytes)
      const wanted = Math.min(pieceBytes, this.#written - this.#read)
      const count = readSync(this.#descriptor, this.#piece, 0, wanted, this.#read)
      this.#read += count
      if (!read(this.#piece, 0, count)) return this.empty
    }
    // What comes next begins at the front again.
    this.#read = this.#written = 0
    return true
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor)
    this.#descriptor = -1
    this.#blocks.length = 0
    this.#memoryBytes = 0
    this.#read = this.#written = 0
  }

  #writeFile(bytes: Buffer, from: number, to: number): void {
    if (this.#descriptor < 0) this.#openFile()
    let at = from
    while (at < to) {
      const count = writeSync(this.#descriptor, bytes, at, to - at, this.#written)
      at += count
      this.#written += count
    }
  }

  #openFile(): void {
    const { folder } = this.#limits
    mkdirSync(folder, { recursive: true, mode: folderMode })
    lastNumber += 1
    const path = join(folder, `${process.pid}-${String(lastNumber).padStart(10, '0')}`)
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
    this.#descriptor = openSync(path, flags, fileMode)
    unlinkSync(path)
  }
}
