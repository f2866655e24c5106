/**
 * Opening what a request means on disk.
 *
 * Files must lie under the root that was configured, symbolic links followed, unless `disable_symlinks off`
 * says otherwise. Most paths have no links at all, and the kernel can be told to take no others: then one
 * call opens and proves it. Where there is a link, the path of what was opened is asked for and compared.
 */
import { readlinkSync, realpathSync } from 'node:fs'
import { fileSystem } from '../net/create-file-system.ts'
import { errnoText, systemError } from '../net/errors.ts'
import { fileErrors, type FileKind, type FileSystem } from '../net/file-system.ts'
import type { Request } from './request.ts'

/** A file that was found, open for reading where it is a regular one. */
export interface OpenFile {
  readonly descriptor: number
  readonly size: number
  /** Whole seconds, in milliseconds. */
  readonly modified: number
  readonly kind: FileKind
  readonly inode: number
  /** Gives it back; to be called once by everyone who got it. */
  release(): void
}

/** Answer of the functions here for a file that lies outside of its root; no errno is that large. */
export const outside = -4096

class PlainFile implements OpenFile {
  readonly descriptor: number
  readonly size: number
  readonly modified: number
  readonly kind: FileKind
  readonly inode: number
  readonly #files: FileSystem

  constructor(files: FileSystem, descriptor: number) {
    this.#files = files
    this.descriptor = descriptor
    this.size = files.size
    this.modified = files.modifiedSeconds * 1000
    this.kind = files.kind
    this.inode = files.inode
  }

  release(): void {
    this.#files.close(this.descriptor)
  }
}

/** Opens a file under a root (anywhere without one). An answer below zero is minus errno, or `outside`. */
export function openFile(path: string, root: string | undefined): OpenFile | number {
  const files = fileSystem()
  const descriptor = openUnder(files, path, root)
  return descriptor < 0 ? descriptor : new PlainFile(files, descriptor)
}

/** The descriptor of a file under a root, its facts in `files`; or minus errno, or `outside`. */
export function openUnder(files: FileSystem, path: string, root: string | undefined): number {
  if (root === undefined) return files.open(path)
  if (isPlainPath(path, root)) {
    const found = files.openPlain(path)
    if (found !== -fileErrors.ELOOP && found !== -fileErrors.ENOSYS) return found
  }
  const descriptor = files.open(path)
  if (descriptor < 0 || liesUnder(descriptor, root)) return descriptor
  files.close(descriptor)
  return outside
}

/** True when only a symbolic link could lead out of the root: an alias may have joined anything to it. */
function isPlainPath(path: string, root: string): boolean {
  if (!path.startsWith(root)) return false
  const { length } = root
  const whole = path.length === length || path[length] === '/' || root.endsWith('/')
  return whole && !path.includes('/..', Math.max(length - 1, 0))
}

/** Real paths of roots; looked up anew when a file does not lie under the one that is known. */
const realRoots = new Map<string, string>()
const realRootsMax = 10_000

/** True when the open file lies under the folder, symbolic links followed. */
function liesUnder(descriptor: number, folder: string): boolean {
  const path = realPathOf(descriptor)
  const known = realRoots.get(folder)
  if (known !== undefined && contains(known, path)) return true
  const root = realRootOf(folder)
  return root !== undefined && contains(root, path)
}

function realRootOf(folder: string): string | undefined {
  try {
    const root = realpathSync.native(folder)
    if (realRoots.size >= realRootsMax) realRoots.clear()
    realRoots.set(folder, root)
    return root
  } catch {
    // The root has gone since the file under it was opened.
    return undefined
  }
}

function realPathOf(descriptor: number): string {
  const link =
    process.platform === 'linux' ? `/proc/self/fd/${descriptor}` : `/dev/fd/${descriptor}`
  return readlinkSync(link)
}

function contains(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

/** True for errors that say that there is no such file. */
export function isMissing(error: number): boolean {
  return (
    error === -fileErrors.ENOENT ||
    error === -fileErrors.ENOTDIR ||
    error === -fileErrors.ENAMETOOLONG
  )
}

/** The status for an error of opening or looking, as nginx has it. */
export function statusOfError(error: number): number {
  if (isMissing(error)) return 404
  const denied = error === -fileErrors.EACCES || error === -fileErrors.ELOOP || error === outside
  return denied ? 403 : 500
}

/** nginx's line for a file that cannot be had. */
export function logFileError(request: Request, call: string, path: string, error: number): void {
  if (error === outside) {
    request.logError(`"${path}" lies outside of its root`)
    return
  }
  if (isMissing(error) && !request.location.core.log_not_found) return
  const reason = errnoText(systemError(call, -error))
  const level = statusOfError(error) === 500 ? 'crit' : 'error'
  request.logError(`${call}() "${path}" failed (${reason})`, level)
}
