/** `index`: which file stands for a folder. */
import type { ComplexValue } from '../core/complex-value.ts'
import type { FileOpener } from './file-opener.ts'
import { requestFilename } from './file-path.ts'
import { outcomes } from './module.ts'
import { isMissing, logFileError, statusOfError } from './open-file.ts'
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
    const found = opener.look(request, folder + text)
    if (found === 'file') return request.redirect(request.uri + text, request.args)
    if (typeof found === 'number' && !isMissing(found)) {
      logFileError(request, 'stat', folder + text, found)
      return statusOfError(found)
    }
    if (looked) continue
    looked = true
    const status = checkFolder(request, folder, opener)
    if (status !== outcomes.next) return status
  }
  return outcomes.next
}

function checkFolder(request: Request, folder: string, opener: FileOpener): number {
  const found = opener.look(request, folder)
  if (found === 'folder') return outcomes.next
  if (typeof found !== 'number') return 404
  logFileError(request, 'stat', folder, found)
  return statusOfError(found)
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
