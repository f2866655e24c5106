/** Files through `node:fs`, where the kernel cannot be called directly. */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs'
import { fileErrors, type FileKind, filePieceBytes, type FileSystem } from '../file-system.ts'

export class NodeFiles implements FileSystem {
  size = 0
  modifiedSeconds = 0
  kind: FileKind = 'other'
  inode = 0
  readonly piece: Buffer = Buffer.allocUnsafeSlow(filePieceBytes)

  open(path: string): number {
    try {
      const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      return this.#describe(descriptor)
    } catch (error) {
      return errnoOf(error)
    }
  }

  openPlain(): number {
    return -fileErrors.ENOSYS
  }

  look(path: string): number {
    try {
      this.#readFacts(statSync(path))
      return 0
    } catch (error) {
      return errnoOf(error)
    }
  }

  read(descriptor: number, at: number, length: number): number {
    try {
      return readSync(descriptor, this.piece, 0, Math.min(length, filePieceBytes), at)
    } catch (error) {
      return errnoOf(error)
    }
  }

  close(descriptor: number): void {
    closeSync(descriptor)
  }

  #describe(descriptor: number): number {
    try {
      this.#readFacts(fstatSync(descriptor))
      return descriptor
    } catch (error) {
      closeSync(descriptor)
      return errnoOf(error)
    }
  }

  #readFacts(stats: Stats): void {
    this.kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other'
    this.size = stats.size
    this.modifiedSeconds = Math.floor(stats.mtimeMs / 1000)
    this.inode = stats.ino
  }
}

/** Node reports the kernel's number, below zero. A path with a NUL has none: there is no such file. */
function errnoOf(error: unknown): number {
  const { code, errno } = error as NodeJS.ErrnoException
  if (code === 'ERR_INVALID_ARG_VALUE') return -fileErrors.ENOENT
  return errno ?? -fileErrors.EIO
}
