/** Answers with a file: whole or parts of it, or with what folders ask for. */
import { fileSystem } from '../net/create-file-system.ts'
import { filePieceBytes } from '../net/file-system.ts'
import { requestFilename } from './file-path.ts'
import { FileStream } from './file-stream.ts'
import { methods } from './methods.ts'
import { contentTypeOf } from './mime-types.ts'
import { outcomes } from './module.ts'
import type { FileOpener } from './file-opener.ts'
import { logFileError, type OpenFile, statusOfError } from './open-file.ts'
import { type ByteRanges, singleRange } from './range.ts'
import type { Request } from './request.ts'

export interface FileRules {
  readonly etag: boolean
  /** Parts of it can be asked for. */
  readonly ranges: boolean
  readonly opener: FileOpener
}

/** `next` for a folder: `index` and its like come before. */
export function serveFile(request: Request, rules: FileRules): number {
  const { method } = request
  if (method !== methods.get && method !== methods.head && method !== methods.post) return 405
  if (request.uri.endsWith('/')) return outcomes.next
  const path = requestFilename(request)
  const file = rules.opener.open(request, path)
  if (typeof file === 'number') {
    logFileError(request, 'open', path, file)
    return statusOfError(file)
  }
  const refusal = refusalOf(request, file, path)
  if (refusal === 0) return sendFile(request, file, rules)
  file.release()
  return refusal
}

/** 0 when the file is to be sent; otherwise the status, with what belongs to it set. */
function refusalOf(request: Request, { kind }: OpenFile, path: string): number {
  if (kind === 'folder') return redirectToFolder(request)
  if (kind === 'other') {
    request.logError(`"${path}" is not a regular file`, 'crit')
    return 404
  }
  return request.method === methods.post ? 405 : 0
}

/** nginx's 301 to the path with a slash, so that relative links in the folder's index work. */
function redirectToFolder(request: Request): number {
  const query = request.args === '' ? '' : `?${request.args}`
  request.response.location = `${request.escapedUri()}/${query}`
  return 301
}

/** Sends a file and takes it over, whatever comes of it. */
export function sendFile(request: Request, file: OpenFile, { etag, ranges }: FileRules): number {
  const { response } = request
  const { size, modified } = file
  response.status = 200
  // Set already where an upstream has sent the request here.
  response.contentType ??= contentTypeOf(request)
  response.contentLength = size
  response.lastModified = modified
  if (etag) response.etag = etagOf(file)
  response.allowRanges = ranges
  response.seekable = true
  const refusal = request.sendHead()
  if (refusal !== 0) {
    file.release()
    return refusal
  }
  sendBody(request, file)
  return outcomes.done
}

/** nginx's: the time and the size, in hexadecimal. */
function etagOf({ modified, size }: OpenFile): string {
  return `"${(modified / 1000).toString(16)}-${size.toString(16)}"`
}

function sendBody(request: Request, file: OpenFile): void {
  const { response } = request
  const { ranges } = response
  if (response.headOnly || file.size === 0) {
    file.release()
    request.end()
  } else if (ranges === undefined && file.size <= filePieceBytes) sendAtOnce(request, file)
  else sendParts(request, file, ranges ?? singleRange({ start: 0, end: file.size }))
}

function sendParts(request: Request, file: OpenFile, ranges: ByteRanges): void {
  new FileStream(request, file, ranges).start()
}

/** Most files are read by one call. */
function sendAtOnce(request: Request, file: OpenFile): void {
  const { size } = file
  const files = fileSystem()
  const bytes = files.read(file.descriptor, 0, size)
  if (bytes < size) {
    // It has become shorter, or cannot be read: the stream finds out and tells.
    sendParts(request, file, singleRange({ start: 0, end: size }))
    return
  }
  file.release()
  request.writeRange(files.piece, 0, bytes)
  request.end()
}
