/** `index`: which file stands for a folder. */
import type { ComplexValue } from '../core/complex-value.ts'
import { errnoText, systemError } from '../net/errors.ts'
import { fileErrors } from '../net/file-system.ts'
import type { FileOpener } from './file-opener.ts'
import { requestFilename } from './file-path.ts'
import { outcomes } from './module.ts'
import { logFileError, outside, statusOfError } from './open-file.ts'
import type { Request } from './request.ts'

/** Goes on with the first index file that exists; 403 for a folder without, 404 where there is no folder. */
export function findIndex(
  request: Request,
  names: readonly ComplexValue[],
  opener: FileOpener,
): number {
  const folder = requestFilename(request)
  let looked = false
  for (const name of names) {
    const text = name.evaluate(request)
    if (text.startsWith('/')) return request.redirect(text, request.args)
    const path = folder + text
    const found = opener.look(request, path)
    if (typeof found !== 'number') return request.redirect(request.uri + text, request.args)
    if (found !== -fileErrors.ENOENT) return refuseIndex(request, path, found)
    if (looked) continue
    looked = true
    const status = checkFolder(request, { folder, path }, opener)
    if (status !== outcomes.next) return status
  }
  return outcomes.next
}

interface Looked {
  readonly folder: string
  /** The first index file, which is the one that the log names. */
  readonly path: string
}

function checkFolder(request: Request, { folder, path }: Looked, opener: FileOpener): number {
  const found = opener.look(request, folder)
  // Its files may be looked at, so it may be gone through, if not read.
  if (found === 'folder' || found === -fileErrors.EACCES) return outcomes.next
  if (typeof found === 'number') return refuseIndex(request, path, found)
  request.logError(`"${folder}" is not a directory`, 'alert')
  return 500
}

/** nginx's words for an index file that cannot be had. */
function refuseIndex(request: Request, path: string, error: number): number {
  const status = statusOfError(error)
  if (status === 500 || error === outside) logFileError(request, 'stat', path, error)
  else if (status === 403) logIndexError(request, `"${path}" is forbidden`, error)
  else if (request.location.core.log_not_found) {
    logIndexError(request, `"${path}" is not found`, error)
  }
  return status
}

function logIndexError(request: Request, text: string, error: number): void {
  request.logError(`${text} (${errnoText(systemError('stat', -error))})`)
}

/** The folder that a request means, when it is to be read; a status where it is none, or is not ours. */
export function folderOf(request: Request, opener: FileOpener): string | number {
  const path = requestFilename(request)
  const found = opener.open(request, path)
  if (typeof found === 'number') {
    logFileError(request, 'opendir', path.replace(/\/$/, ''), found)
    return statusOfError(found)
  }
  found.release()
  return found.kind === 'folder' ? path : 404
}
