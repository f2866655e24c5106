/**
 * The body of a request, read whole: in memory as far as `client_body_buffer_size` goes, in a file beyond.
 *
 * ```text
 *   ──▶ memory, up to the buffer's size ──▶ more than that: all of it goes to a file that has no name
 * ```
 *
 * What reads it (a proxy, again and again if a server fails, `$request_body`) asks for ranges.
 */
import { closeSync, constants, mkdirSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Request } from './request.ts'
import type { RequestBodySink } from './request-body.ts'

const folderMode = 0o700
const fileMode = 0o600
const nameDigits = 10

/** Where a body goes, and how much of it stays in memory. */
export interface BodyStorage {
  readonly bufferBytes: number
  /** Absolute path of the folder for what is longer. */
  readonly folder: string
  /** Digits of the names of folders below it, cut from the end of a file's number. */
  readonly levels: readonly number[]
  /** `keep`: the file stays when the request is over; `clean`: it has a name while the request lives. */
  readonly inFile: 'off' | 'clean' | 'keep'
}

/** One series of names for all requests of the process. */
let lastNumber = 0

export class StoredBody {
  length: number = 0
  /** Path of the file where it has a name, for `$request_body_file`. */
  path: string | undefined = undefined
  readonly #storage: BodyStorage
  #memory: Buffer
  #descriptor = -1
  #users = 1

  constructor(storage: BodyStorage, expected: number) {
    this.#storage = storage
    const likely = expected < 0 ? storage.bufferBytes : expected
    this.#memory = Buffer.allocUnsafe(Math.min(likely, storage.bufferBytes))
    if (storage.inFile !== 'off') this.#openFile()
  }

  /** The whole of it, where it is in memory. */
  get memory(): Buffer | undefined {
    return this.#descriptor < 0 ? this.#memory.subarray(0, this.length) : undefined
  }

  append(chunk: Buffer, start: number, end: number): void {
    if (this.#descriptor < 0 && this.length + end - start > this.#memory.length) this.#openFile()
    if (this.#descriptor < 0) chunk.copy(this.#memory, this.length, start, end)
    else writeAll(this.#descriptor, chunk, start, end)
    this.length += end - start
  }

  /** Reads from `at` on into `into`; returns how many bytes, 0 at the end. */
  read(at: number, into: Buffer): number {
    const bytes = Math.min(into.length, this.length - at)
    if (bytes <= 0) return 0
    if (this.#descriptor >= 0) return readSync(this.#descriptor, into, 0, bytes, at)
    return this.#memory.copy(into, 0, at, at + bytes)
  }

  /** For one user more, who has to release it as well. */
  share(): this {
    this.#users += 1
    return this
  }

  release(): void {
    this.#users -= 1
    if (this.#users > 0 || this.#descriptor < 0) return
    closeSync(this.#descriptor)
    this.#descriptor = -1
    if (this.path !== undefined && this.#storage.inFile === 'clean') unlinkSync(this.path)
  }

  #openFile(): void {
    const { inFile } = this.#storage
    lastNumber += 1
    const number = String(lastNumber).padStart(nameDigits, '0')
    const folder = folderOf(this.#storage, number)
    mkdirSync(folder, { recursive: true, mode: folderMode })
    const path = join(folder, `${process.pid}-${number}`)
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
    this.#descriptor = openSync(path, flags, fileMode)
    if (inFile === 'off') unlinkSync(path)
    else this.path = path
    writeAll(this.#descriptor, this.#memory, 0, this.length)
    this.#memory = Buffer.alloc(0)
  }
}

/** `folder/9/23` for 0000000239 with levels 1 and 2: few files in each folder, as nginx does it. */
function folderOf({ folder, levels }: BodyStorage, number: string): string {
  let path = folder
  let end = number.length
  for (const digits of levels) {
    path = join(path, number.slice(Math.max(end - digits, 0), end))
    end -= digits
  }
  return path
}

function writeAll(descriptor: number, bytes: Buffer, start: number, end: number): void {
  for (let at = start; at < end;) at += writeSync(descriptor, bytes, at, end - at)
}

/** Reads a body into a `StoredBody`, then tells `onBody`: 0, or the status of a body that is refused. */
export function readWhole(
  request: Request,
  storage: BodyStorage,
  onBody: (status: number) => void,
): void {
  if (request.storedBody !== undefined || (request.body.complete && request.body.received === 0)) {
    onBody(0)
    return
  }
  request.body.read(new Collector(request, storage, onBody))
}

class Collector implements RequestBodySink {
  readonly #request: Request
  readonly #body: StoredBody
  readonly #onBody: (status: number) => void

  constructor(request: Request, storage: BodyStorage, onBody: (status: number) => void) {
    this.#request = request
    this.#body = new StoredBody(storage, request.framing.contentLength)
    this.#onBody = onBody
  }

  onBody(chunk: Buffer, start: number, end: number): void {
    try {
      this.#body.append(chunk, start, end)
    } catch (error) {
      this.#request.logError(`storing the request body failed: ${(error as Error).message}`, 'crit')
      this.#request.body.fail(500)
    }
  }

  onBodyEnd(): void {
    this.#request.storedBody = this.#body
    this.#onBody(0)
  }

  onBodyError(status: number): void {
    this.#body.release()
    this.#onBody(status)
  }
}
