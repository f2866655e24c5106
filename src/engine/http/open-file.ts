/**
 * Opening what a request means on disk.
 *
 * Looking at a file and reading a small one are done at once, as nginx does them: what is served often is
 * in the kernel's memory, and a detour over other threads would cost more than all the rest of a request.
 * Files beyond one piece are streamed.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync } from 'node:fs'
import type { Request } from './request.ts'

export interface OpenFile {
  readonly descriptor: number
  readonly size: number
  /** Whole seconds, in milliseconds. */
  readonly modified: number
  readonly kind: 'file' | 'folder' | 'other'
}

/** Errors after which nginx says 404 rather than 500. */
const missing: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP'])
const denied: ReadonlySet<string> = new Set(['EACCES', 'EPERM'])

/** The status for an error of `open` or `stat`. */
export function statusOfError({ code = '' }: NodeJS.ErrnoException): number {
  if (missing.has(code)) return 404
  return denied.has(code) ? 403 : 500
}

/** Opens for reading; never waits, even where the path is a FIFO that nobody writes. Throws. */
export function openFile(path: string): OpenFile {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = fstatSync(descriptor)
    const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other'
    const modified = Math.floor(stats.mtimeMs / 1000) * 1000
    return { descriptor, size: stats.size, modified, kind }
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

/** Real paths of roots; looked up anew when a file does not lie under the one that is known. */
const realRoots = new Map<string, string>()
const realRootsMax = 10_000

/** True when the open file lies under the folder, symbolic links followed. */
export function liesUnder({ descriptor }: OpenFile, folder: string): boolean {
  const path = realPathOf(descriptor)
  const known = realRoots.get(folder)
  if (known !== undefined && contains(known, path)) return true
  const root = realpathSync.native(folder)
  if (realRoots.size >= realRootsMax) realRoots.clear()
  realRoots.set(folder, root)
  return contains(root, path)
}

function realPathOf(descriptor: number): string {
  const link =
    process.platform === 'linux' ? `/proc/self/fd/${descriptor}` : `/dev/fd/${descriptor}`
  return readlinkSync(link)
}

function contains(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

/** nginx's line for a call that failed. */
export function logFileError(
  request: Request,
  call: string,
  path: string,
  error: NodeJS.ErrnoException,
): void {
  const text = `${call} "${path}" failed (${Math.abs(error.errno ?? 0)}: ${reasonOf(error)})`
  request.logError(text, missing.has(error.code ?? '') ? 'error' : 'crit')
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  ENOTDIR: 'Not a directory',
  EACCES: 'Permission denied',
  ENAMETOOLONG: 'File name too long',
  ELOOP: 'Too many levels of symbolic links',
  EMFILE: 'Too many open files',
}

function reasonOf({ code = '', message }: NodeJS.ErrnoException): string {
  return reasons[code] ?? message
}
