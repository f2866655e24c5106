/** Files that lie packed beside the plain ones: `page.html.gz` for `page.html`. */
import { type FileRules, sendFile } from './file-content.ts'
import { requestFilename } from './file-path.ts'
import { methods } from './methods.ts'
import { outcomes } from './module.ts'
import { isMissing, logFileError } from './open-file.ts'
import type { Request } from './request.ts'

export interface PackedFileRules extends FileRules {
  /** Behind the name of the plain file, with its dot. */
  readonly ending: string
  /** As `Content-Encoding` has it. */
  readonly coding: string
  /** Sends it to everybody, whether the client says that it takes it or not. */
  readonly always: boolean
  /** Says by `Vary` that there are two. */
  readonly varies: boolean
  takes(request: Request): boolean
}

/** `next` where there is none, or the client does not take it. */
export function servePackedFile(request: Request, rules: PackedFileRules): number {
  const { method, uri } = request
  if ((method !== methods.get && method !== methods.head) || uri.endsWith('/')) return outcomes.next
  const takes = rules.always || rules.takes(request)
  if (!takes && !rules.varies) return outcomes.next
  const path = requestFilename(request) + rules.ending
  const file = rules.opener.open(request, path)
  if (typeof file === 'number') {
    if (!isMissing(file)) logFileError(request, 'open', path, file)
    return outcomes.next
  }
  if (!rules.always) request.response.varies = rules.varies
  if (!takes || file.kind !== 'file') {
    file.release()
    return outcomes.next
  }
  request.response.add('Content-Encoding', rules.coding)
  return sendFile(request, file, rules)
}
