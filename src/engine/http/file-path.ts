/** Which file a request means: `root` and `alias`. */
import { join } from 'node:path'
import type { ComplexValue } from '../core/complex-value.ts'
import type { Request } from './request.ts'

/** What a location says of files, its own or inherited. */
export interface DocumentRoot {
  /** Folder, or with `whole` the file itself; absolute unless it has variables. */
  readonly path: ComplexValue
  /** Characters of the URI that the path stands for: with `alias` those of the location's prefix. */
  readonly cut: number
  /** The URI is not appended: `alias` where an expression chose the location. */
  readonly whole: boolean
  /** What a path is relative to that variables make. */
  readonly prefix: string
}

/** Value of `root` or `alias` for this request. */
export function documentRoot(request: Request): string {
  const { path, prefix } = request.location.root
  if (path.constant !== undefined) return path.constant
  const value = path.evaluate(request)
  return value.startsWith('/') ? value : join(prefix, value)
}

/** The file's path. */
export function requestFilename(request: Request): string {
  const { cut, whole } = request.location.root
  const folder = documentRoot(request)
  if (whole) return folder
  return folder + (cut === 0 ? request.uri : request.uri.slice(cut))
}
