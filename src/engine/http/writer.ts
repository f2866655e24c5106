/**
 * Writes the head of a response: status line and fields in nginx's order, as one text into the output of
 * the turn.
 */
import { httpDate } from '../core/clock.ts'
import type { Request } from './request.ts'
import { safeValue } from './response.ts'
import { statusText, visibleStatus } from './status.ts'

/** Decides what follows the head: nothing, a known length, chunks, or bytes until the connection closes. */
function settleBody(request: Request): void {
  const { response } = request
  const { status } = response
  if (response.contentLength >= 0 || status === 204 || status === 304) return
  if (request.head.minor >= 1) response.chunked = !response.headOnly || request.isHead
  else request.keepAlive = false
}

/** The head as text. */
export function renderHead(request: Request): string {
  settleBody(request)
  const { response } = request
  const { core } = request.location
  const status = visibleStatus(response.status)
  let head = `HTTP/1.1 ${statusText(status)}\r\nServer: ${request.signature}\r\nDate: ${httpDate()}\r\n`
  if (response.contentType !== undefined && status !== 204) {
    head += `Content-Type: ${safeValue(response.contentType)}`
    head += response.charset === undefined ? '\r\n' : `; charset=${response.charset}\r\n`
  }
  if (response.contentLength >= 0 && status !== 204) {
    head += `Content-Length: ${response.contentLength}\r\n`
  }
  if (response.lastModified >= 0 && (status === 200 || status === 206 || status === 304)) {
    head += `Last-Modified: ${httpTime(response.lastModified)}\r\n`
  }
  const { location } = response
  const absolute = location?.startsWith('/') === true && core.absolute_redirect
  if (absolute) head += `Location: ${safeValue(absoluteLocation(request, location))}\r\n`
  if (response.chunked) head += 'Transfer-Encoding: chunked\r\n'
  head += connectionField(request, core.keepalive_timeout.headerSeconds)
  if (response.etag !== undefined) head += `ETag: ${response.etag}\r\n`
  if (location !== undefined && !absolute) head += `Location: ${safeValue(location)}\r\n`
  const { names, values } = response
  for (let i = 0; i < names.length; i++) head += `${names[i]}: ${values[i]}\r\n`
  return `${head}\r\n`
}

/** Fields behind a chunked body. */
export function renderTrailers({ response }: Request): string {
  const { trailerNames, trailerValues } = response
  let text = ''
  for (let i = 0; i < trailerNames.length; i++)
    text += `${trailerNames[i]}: ${trailerValues[i]}\r\n`
  return text
}

const times = new Map<number, string>()
const timesMax = 1024

/** The same files are asked for again and again, and their times with them. */
function httpTime(ms: number): string {
  const known = times.get(ms)
  if (known !== undefined) return known
  const text = new Date(ms).toUTCString()
  if (times.size >= timesMax) times.clear()
  times.set(ms, text)
  return text
}

function connectionField(request: Request, headerSeconds: number): string {
  if (request.response.status === 101) return 'Connection: upgrade\r\n'
  if (!request.keepAlive) return 'Connection: close\r\n'
  return headerSeconds > 0
    ? `Connection: keep-alive\r\nKeep-Alive: timeout=${headerSeconds}\r\n`
    : 'Connection: keep-alive\r\n'
}

/** `server_name_in_redirect`, `port_in_redirect`. */
function absoluteLocation(request: Request, path: string): string {
  const { core } = request.location
  const { local } = request.connection.socket
  const scheme = request.scheme
  const usual = scheme === 'https' ? 443 : 80
  const port = local.family === 'unix' ? usual : local.port
  const name = core.server_name_in_redirect ? request.server.name : request.host
  const host = name === '' ? localHost(request) : name
  const suffix = core.port_in_redirect && port !== usual ? `:${port}` : ''
  return `${scheme}://${host}${suffix}${path}`
}

function localHost(request: Request): string {
  const { local } = request.connection.socket
  if (local.family === 'unix') return 'localhost'
  return local.family === 6 ? `[${local.host}]` : local.host
}
