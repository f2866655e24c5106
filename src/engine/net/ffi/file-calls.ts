/**
 * Files through the C library, with paths and results in memory that never moves.
 *
 * ```text
 *   struct stat   x64     ino:8 @8   mode:4 @24   size:8 @48   mtime:8 @88
 *                 arm64   ino:8 @8   mode:4 @16   size:8 @48   mtime:8 @88
 *   open_how      flags:8  mode:8  resolve:8
 * ```
 */
import {
  fileErrors,
  type FileKind,
  filePieceBytes,
  type FileSystem,
  pathBytesMax,
} from '../file-system.ts'
import type { Region } from './arena.ts'
import type { System } from './libc.ts'

const O_NONBLOCK = 0x800
const O_CLOEXEC = 0x80000
const openFlags = O_NONBLOCK | O_CLOEXEC
/** `openat2`, the same number on all architectures; the C library has no name for it yet. */
const SYS_openat2 = 437
const AT_FDCWD = -100
const RESOLVE_NO_SYMLINKS = 0x04

const S_IFMT = 0o170000
const S_IFDIR = 0o040000
const S_IFREG = 0o100000

const statBytes = 144
const openHowBytes = 24
const inodeWord = 2
const modeWord: number = process.arch === 'x64' ? 6 : 4
const sizeWord = 12
const modifiedWord = 22

interface Calls {
  open(path: number, flags: number, mode: number): number
  syscall(number: number, folder: number, path: number, how: number, size: number): number
  stat(path: number, facts: number): number
  fstat(descriptor: number, facts: number): number
  pread(descriptor: number, data: number, length: number, at: number): number
  close(descriptor: number): number
}

/** The driver for this machine, or `undefined` where the C library is too old or laid out otherwise. */
export function createFileCalls(system: System): FileSystem | undefined {
  if (process.arch !== 'x64' && process.arch !== 'arm64') return undefined
  try {
    return new FileCalls(system, bind(system))
  } catch {
    return undefined
  }
}

/** `stat` and `fstat` are functions of their own from glibc 2.33 on. */
function bind({ koffi, pointerType }: System): Calls {
  const library = koffi.load(null)
  const at = (prototype: string): unknown => library.func(prototype.replaceAll('%', pointerType))
  return {
    open: at('int open(%, int, int)'),
    syscall: at('int syscall(int, int, %, %, int)'),
    stat: at('int stat(%, %)'),
    fstat: at('int fstat(int, %)'),
    pread: at('int pread(int, %, uint32_t, int64_t)'),
    close: at('int close(int)'),
  } as unknown as Calls
}

class FileCalls implements FileSystem {
  size = 0
  modifiedSeconds = 0
  kind: FileKind = 'other'
  inode = 0
  readonly piece: Buffer
  readonly #calls: Calls
  readonly #errno: () => number
  readonly #path: Region
  readonly #facts: Region
  readonly #how: Region
  readonly #data: Region
  /** False once the kernel, or what guards this process, has refused the call itself. */
  #hasOpenPlain = true

  constructor({ createArena, errno }: System, calls: Calls) {
    const arena = createArena(pathBytesMax + statBytes + openHowBytes + filePieceBytes)
    this.#path = arena.take(pathBytesMax)
    this.#facts = arena.take(statBytes)
    this.#how = arena.take(openHowBytes)
    this.#data = arena.take(filePieceBytes)
    this.piece = this.#data.bytes
    this.#calls = calls
    this.#errno = errno
    this.#how.u32[0] = openFlags
    this.#how.u32[4] = RESOLVE_NO_SYMLINKS
  }

  open(path: string): number {
    const refusal = this.#setPath(path)
    if (refusal < 0) return refusal
    return this.#describe(this.#calls.open(this.#path.address, openFlags, 0))
  }

  openPlain(path: string): number {
    if (!this.#hasOpenPlain) return -fileErrors.ENOSYS
    const refusal = this.#setPath(path)
    if (refusal < 0) return refusal
    const { address } = this.#path
    const how = this.#how.address
    const found = this.#describe(
      this.#calls.syscall(SYS_openat2, AT_FDCWD, address, how, openHowBytes),
    )
    // Some sandboxes answer EPERM to calls that they do not know.
    if (found === -fileErrors.ENOSYS || found === -fileErrors.EPERM) {
      this.#hasOpenPlain = false
      return -fileErrors.ENOSYS
    }
    return found
  }

  look(path: string): number {
    const refusal = this.#setPath(path)
    if (refusal < 0) return refusal
    if (this.#calls.stat(this.#path.address, this.#facts.address) < 0) return -this.#errno()
    this.#readFacts()
    return 0
  }

  read(descriptor: number, at: number, length: number): number {
    const wanted = Math.min(length, filePieceBytes)
    const count = this.#calls.pread(descriptor, this.#data.address, wanted, at)
    return count < 0 ? -this.#errno() : count
  }

  close(descriptor: number): void {
    this.#calls.close(descriptor)
  }

  /** 0, or minus errno for what is no path. A NUL would end it early: there is no such file. */
  #setPath(path: string): number {
    if (path.includes('\0')) return -fileErrors.ENOENT
    // UTF-8 takes up to three bytes for a unit: only long paths need counting.
    const long = path.length * 3 >= pathBytesMax && Buffer.byteLength(path) >= pathBytesMax
    if (long) return -fileErrors.ENAMETOOLONG
    const { bytes } = this.#path
    bytes[bytes.write(path)] = 0
    return 0
  }

  /** What was opened, or minus errno. */
  #describe(descriptor: number): number {
    if (descriptor < 0) return -this.#errno()
    if (this.#calls.fstat(descriptor, this.#facts.address) < 0) {
      const error = -this.#errno()
      this.#calls.close(descriptor)
      return error
    }
    this.#readFacts()
    return descriptor
  }

  #readFacts(): void {
    const { u32, i32 } = this.#facts
    const type = u32[modeWord]! & S_IFMT
    this.kind = type === S_IFREG ? 'file' : type === S_IFDIR ? 'folder' : 'other'
    this.size = u32[sizeWord]! + u32[sizeWord + 1]! * 2 ** 32
    this.modifiedSeconds = u32[modifiedWord]! + i32[modifiedWord + 1]! * 2 ** 32
    this.inode = u32[inodeWord]! + u32[inodeWord + 1]! * 2 ** 32
  }
}
