/** Answers with a file: whole or a part, or with what conditions and folders ask for. */
import { closeSync, readSync } from 'node:fs'
import { checkConditions } from './conditions.ts'
import { documentRoot, requestFilename } from './file-path.ts'
import { FileStream } from './file-stream.ts'
import { filePieceBytes } from './limits.ts'
import { methods } from './methods.ts'
import { contentTypeOf } from './mime-types.ts'
import { outcomes } from './module.ts'
import type { HttpFilesConf } from './modules/files.ts'
import { liesUnder, logFileError, type OpenFile, openFile, statusOfError } from './open-file.ts'
import { requestedRange } from './range.ts'
import type { Request } from './request.ts'
import { encodePath } from './uri.ts'

/** Small files are read into this and sent on at once. */
const piece = Buffer.allocUnsafeSlow(filePieceBytes)

export function serveFile(request: Request, conf: HttpFilesConf): number {
  const { method } = request
  if (method !== methods.get && method !== methods.head && method !== methods.post) return 405
  const path = requestFilename(request)
  let file: OpenFile
  try {
    file = openFile(path)
  } catch (error) {
    logFileError(request, 'open()', path, error as NodeJS.ErrnoException)
    return statusOfError(error as NodeJS.ErrnoException)
  }
  let keep = false
  try {
    const refusal = check(request, conf, file, path)
    if (refusal !== 0) return refusal
    keep = send(request, file)
    return outcomes.done
  } finally {
    if (!keep) closeSync(file.descriptor)
  }
}

/** 0 when the file is to be sent; otherwise the status, with what belongs to it set. */
function check(request: Request, conf: HttpFilesConf, file: OpenFile, path: string): number {
  const { root } = request.location
  if (
    conf.disable_symlinks === 'outside' &&
    !root.whole &&
    !liesUnder(file, documentRoot(request))
  ) {
    request.logError(`"${path}" lies outside of its root`)
    return 403
  }
  if (file.kind === 'folder') return redirectToFolder(request)
  if (file.kind === 'other') {
    request.logError(`"${path}" is not a regular file`)
    return 404
  }
  if (request.method === methods.post) return 405
  describe(request, conf, file)
  // A file that stands for an error is sent whole, whatever was asked of the page that is not there.
  return isPlain(request) ? conditional(request, conf) : 0
}

function isPlain({ errorStatus }: Request): boolean {
  return errorStatus === 0 || errorStatus === 200
}

function describe({ response }: Request, conf: HttpFilesConf, { size, modified }: OpenFile): void {
  response.status = 200
  response.lastModified = modified
  if (conf.etag) response.etag = `"${(modified / 1000).toString(16)}-${size.toString(16)}"`
}

function conditional(request: Request, conf: HttpFilesConf): number {
  const verdict = checkConditions(request, conf.if_modified_since)
  if (verdict !== 304) return verdict
  // RFC 9110 §15.4.5: the validators are sent with it, the rest of what describes the body is not.
  const { response } = request
  response.status = 304
  request.sendHead()
  request.end()
  return outcomes.done
}

/** nginx's 301 to the path with a slash, so that relative links in the folder's index work. */
function redirectToFolder(request: Request): number {
  const query = request.args === '' ? '' : `?${request.args}`
  request.response.location = `${encodePath(request.uri)}/${query}`
  return 301
}

/** True when the stream has taken the descriptor over. */
function send(request: Request, file: OpenFile): boolean {
  const { response } = request
  const plain = isPlain(request)
  const range = plain ? requestedRange(request, file.size) : undefined
  if (range === 416) {
    refuseRange(request, file.size)
    return false
  }
  response.contentType = contentTypeOf(request)
  const start = range?.start ?? 0
  const end = range?.end ?? file.size
  response.contentLength = end - start
  if (range === undefined && plain) response.add('Accept-Ranges', 'bytes')
  if (range !== undefined) {
    response.status = 206
    response.add('Content-Range', `bytes ${start}-${end - 1}/${file.size}`)
  }
  request.sendHead()
  if (response.headOnly || end === start) {
    request.end()
    return false
  }
  if (end - start <= filePieceBytes && sendAtOnce(request, file, start, end)) return false
  new FileStream(request, file.descriptor, start, end).start()
  return true
}

function refuseRange(request: Request, size: number): void {
  request.response.add('Content-Range', `bytes */${size}`)
  request.finalize(416)
}

/** False when the file has become shorter; the stream then finds out how much. */
function sendAtOnce(request: Request, file: OpenFile, start: number, end: number): boolean {
  const read = readSync(file.descriptor, piece, 0, end - start, start)
  if (read < end - start) return false
  request.write(read === piece.length ? piece : piece.subarray(0, read))
  request.end()
  return true
}
