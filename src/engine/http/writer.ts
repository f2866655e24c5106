/**
 * Writes the head of a response into the output of the turn: status line and fields in nginx's order.
 *
 * A head of our own is one text. One that another server has sent is copied: only what stands in front of
 * its fields is ours.
 */
import { httpDate } from '../core/clock.ts'
import { copyAll } from '../core/copy-range.ts'
import { writeNumber } from '../core/write-number.ts'
import { bytesPerUnitMax, writeText } from '../core/write-text.ts'
import type { Output, OutputOwner } from './output.ts'
import type { Request } from './request.ts'
import { safeValue } from './safe-value.ts'
import { statusText } from './status.ts'
import type { UpstreamHead } from './upstream-head.ts'
import { upstreamNameId } from './upstream-names.ts'

/** Decides what follows the head: nothing, a known length, chunks, or bytes until the connection closes. */
function settleBody(request: Request): void {
  const { response } = request
  const { status } = response
  if (response.contentLength >= 0 || status === 204 || status === 304 || status === 101) return
  const chunks = request.head.minor >= 1 && request.location.core.chunked_transfer_encoding
  if (chunks) response.chunked = !response.headOnly
  else request.keepAlive = false
}

/** Writes the head; returns its bytes. */
export function writeHead(request: Request, output: Output, owner: OutputOwner): number {
  settleBody(request)
  const { forwarded } = request.response
  return forwarded === undefined
    ? output.text(owner, renderHead(request))
    : writeForwarded(request, forwarded, output, owner)
}

function renderHead(request: Request): string {
  const { response } = request
  const { core } = request.location
  const { status } = response
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
  if (response.varies) head += 'Vary: Accept-Encoding\r\n'
  if (response.etag !== undefined) head += `ETag: ${response.etag}\r\n`
  if (location !== undefined && !absolute) head += `Location: ${safeValue(location)}\r\n`
  const { names, values } = response
  for (let i = 0; i < names.length; i++) head += `${names[i]}: ${values[i]}\r\n`
  return `${head}\r\n`
}

const typeId = upstreamNameId('content-type')
const serverId = upstreamNameId('server')
const dateId = upstreamNameId('date')
const lengthName = Buffer.from('Content-Length: ', 'latin1')
const keepAliveText = 'Connection: keep-alive\r\n'
const keepAliveLine = Buffer.from(keepAliveText, 'latin1')
const chunkedLine = 'Transfer-Encoding: chunked\r\n'
/** Room for what is written around the fields of a forwarded head, but texts. */
const frameBytes = 128

function writeForwarded(
  request: Request,
  head: UpstreamHead,
  output: Output,
  owner: OutputOwner,
): number {
  const { response } = request
  const front = frontOf(request, head)
  const type = response.forwardsType ? '' : renderType(request)
  const own = renderOwn(request)
  const texts = type.length + own.length + addedLength(request)
  const room = head.room + front.length + texts * bytesPerUnitMax + frameBytes
  const into = output.reserve(owner, room)
  const start = output.length
  let at = copyAll(front, into, start)
  if (type !== '') at += into.write(type, at)
  if (response.status !== 204) at = writeEntity(request, head, into, at)
  if (own === keepAliveText) at = copyAll(keepAliveLine, into, at)
  else at += into.write(own, at)
  at = head.copyFields(into, at)
  at = writeAdded(request, into, at)
  into[at++] = 0x0d
  into[at++] = 0x0a
  output.commit(at)
  return at - start
}

/** Type and length of the body, as they came where nobody has changed them. */
function writeEntity(
  { response }: Request,
  head: UpstreamHead,
  into: Buffer,
  start: number,
): number {
  let at = start
  if (response.forwardsType) at = head.copyLine(head.first[typeId]!, into, at)
  const { contentLength } = response
  if (contentLength < 0) return at
  at = writeNumber(into, copyAll(lengthName, into, at), contentLength)
  into[at++] = 0x0d
  into[at++] = 0x0a
  return at
}

/** Type of the body, where it is not what the other server has sent. */
function renderType(request: Request): string {
  const { contentType, status } = request.response
  if (contentType === undefined || status === 204) return ''
  return `Content-Type: ${typeText(request)}\r\n`
}

/** What is ours, or was changed, of a forwarded head. */
function renderOwn(request: Request): string {
  const { response } = request
  const { core } = request.location
  let text = ''
  const location = response.forwardsLocation ? undefined : response.location
  const absolute = location?.startsWith('/') === true && core.absolute_redirect
  if (absolute) text += `Location: ${safeValue(absoluteLocation(request, location))}\r\n`
  if (response.chunked) text += chunkedLine
  text += connectionField(request, core.keepalive_timeout.headerSeconds)
  if (response.varies) text += 'Vary: Accept-Encoding\r\n'
  if (response.changedEtag !== undefined) text += `ETag: ${response.changedEtag}\r\n`
  if (response.changedTime >= 0) text += `Last-Modified: ${httpTime(response.changedTime)}\r\n`
  if (location !== undefined && !absolute) text += `Location: ${safeValue(location)}\r\n`
  return text
}

/** Fields that were added to a forwarded head. */
/** Units of the fields that were added to those of the other server, with what stands around them. */
function addedLength({ response }: Request): number {
  const { addedNames: names, addedValues: values } = response
  let length = 0
  for (let i = 0; i < names.length; i++) length += names[i]!.length + values[i]!.length + 4
  return length
}

function writeAdded({ response }: Request, into: Buffer, start: number): number {
  const { addedNames: names, addedValues: values } = response
  let at = start
  for (let i = 0; i < names.length; i++) {
    at = writeText(into, at, names[i]!)
    into[at++] = 0x3a
    into[at++] = 0x20
    at = writeText(into, at, values[i]!)
    into[at++] = 0x0d
    into[at++] = 0x0a
  }
  return at
}

export function typeText({ response }: Request): string {
  const type = safeValue(response.contentType!)
  return response.charset === undefined ? type : `${type}; charset=${response.charset}`
}

/** Status line, `Server` and `Date`, as they begin most responses; made once a second. */
interface Front {
  readonly date: string
  readonly bytes: Buffer
}

/** By name of the product, for the status that nearly all have. */
const fronts = new Map<string, Front>()
/** Ways in which the product may name itself. */
const frontsMax = 64
/** As long as the clock has not gone on by so much, the second is taken to be the same. */
const dateLagMs = 20
let dateReadAt = -Infinity
let date = ''

function frontOf(request: Request, head: UpstreamHead): Buffer {
  const { signature, response, connection } = request
  const now = connection.engine.services.transport.clock.now()
  if (now - dateReadAt >= dateLagMs || now < dateReadAt) {
    dateReadAt = now
    date = httpDate()
  }
  const usual = response.status === 200 && isPlainOk(head)
  if (!usual || passes(head, serverId) || passes(head, dateId)) return ownFront(request, head)
  const known = fronts.get(signature)
  if (known !== undefined && known.date === date) return known.bytes
  const bytes = ownFront(request, head)
  if (fronts.size >= frontsMax) fronts.clear()
  fronts.set(signature, { date, bytes })
  return bytes
}

function ownFront({ signature, response: { status } }: Request, head: UpstreamHead): Buffer {
  const text = status === head.status ? statusLineOf(head) : statusText(status)
  const server = passes(head, serverId) ? '' : `Server: ${signature}\r\n`
  const dated = passes(head, dateId) ? '' : `Date: ${date}\r\n`
  return Buffer.from(`HTTP/1.1 ${text}\r\n${server}${dated}`, 'latin1')
}

/** Code and reason as the upstream said them; the space between is there even where it was not (RFC 9112 §4). */
function statusLineOf({ bytes, statusStart, statusEnd }: UpstreamHead): string {
  const text = bytes.toString('latin1', statusStart, statusEnd)
  return text.includes(' ') ? text : `${text} `
}

/** `200 OK`, in these letters. */
function isPlainOk({ bytes, status, statusStart, statusEnd }: UpstreamHead): boolean {
  const reason = statusEnd - 2
  return (
    status === 200 &&
    reason - statusStart === 4 &&
    bytes[reason] === 0x4f &&
    bytes[reason + 1] === 0x4b
  )
}

/** True when the other server's own field goes to the client. */
function passes(head: UpstreamHead, id: number): boolean {
  const field = head.first[id]!
  return field >= 0 && !head.isHidden(field)
}

/** An interim response (RFC 9110 §15.2). */
export function renderInterim(
  status: number,
  names: readonly string[],
  values: readonly string[],
): string {
  let text = `HTTP/1.1 ${statusText(status)}\r\n`
  for (let i = 0; i < names.length; i++) text += `${names[i]}: ${values[i]}\r\n`
  return `${text}\r\n`
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
export function httpTime(ms: number): string {
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
    : keepAliveText
}

/** `server_name_in_redirect`, `port_in_redirect`. */
export function absoluteLocation(request: Request, path: string): string {
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
