/** `index`: which file stands for a folder. */
import { statSync } from 'node:fs'
import type { ComplexValue } from '../core/complex-value.ts'
import { requestFilename } from './file-path.ts'
import { logFileError, statusOfError } from './open-file.ts'
import { outcomes } from './module.ts'
import type { Request } from './request.ts'

/** Goes on with the first index file that exists; 403 for a folder without, 404 where there is no folder. */
export function findIndex(request: Request, names: readonly ComplexValue[]): number {
  const folder = requestFilename(request)
  let checked: number = outcomes.next
  let looked = false
  for (const name of names) {
    const text = name.evaluate(request)
    if (text.startsWith('/')) return request.redirect(text, request.args)
    const found = look(request, folder + text)
    if (found === 'file') return request.redirect(request.uri + text, request.args)
    if (found !== undefined) return found
    if (!looked) checked = checkFolder(request, folder)
    looked = true
    if (checked !== outcomes.next) return checked
  }
  return checked
}

/** `file`, nothing for one that is not there, or a status. */
function look(request: Request, path: string): 'file' | number | undefined {
  try {
    return statSync(path).isFile() ? 'file' : undefined
  } catch (error) {
    const status = statusOfError(error as NodeJS.ErrnoException)
    if (status === 404) return undefined
    logFileError(request, 'stat()', path, error as NodeJS.ErrnoException)
    return status
  }
}

function checkFolder(request: Request, folder: string): number {
  try {
    if (statSync(folder).isDirectory()) return outcomes.next
    return 404
  } catch (error) {
    logFileError(request, 'stat()', folder, error as NodeJS.ErrnoException)
    return statusOfError(error as NodeJS.ErrnoException)
  }
}
