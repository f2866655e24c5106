/**
 * How a request begins: its head is complete, says what it is for and what follows it, and the phases take
 * it over or it is refused.
 */
import { activities } from './connection-counts.ts'
import { methods } from './methods.ts'
import { outcomes } from './module.ts'
import { done } from './parser.ts'
import type { Request } from './request.ts'
import { TextCache } from './text-cache.ts'
import { normalizePath } from './uri.ts'

/** Paths that were asked for. */
const paths = new TextCache()

/** Begins a request whose fields say where its body ends. */
export function startRequest(request: Request): void {
  const { framing } = request
  if (readFields(request)) start(request, framing.chunked ? -1 : framing.contentLength)
}

/**
 * Begins one whose carrier says where the body ends, as HTTP/2 does: `bodyFollows` tells whether one comes.
 * False when the fields announce one that does not.
 */
export function startFramed(request: Request, bodyFollows: boolean): boolean {
  const { framing } = request
  if (!readFields(request)) return true
  if (!bodyFollows && framing.contentLength > 0) return false
  framing.chunked = bodyFollows && framing.contentLength < 0
  start(request, framing.chunked ? Infinity : framing.contentLength)
  return true
}

/** False when the request was refused for what its fields say of it. */
function readFields(request: Request): boolean {
  const { framing } = request
  request.activity = activities.writing
  request.connection.engine.counts.onHead()
  const verdict = framing.read(request.head)
  if (verdict === done) return true
  refuseRequest(request, verdict, framing.problem)
  return false
}

/** `bodyLength`: -1 for chunks, `Infinity` for as much as the carrier brings. */
function start(request: Request, bodyLength: number): void {
  const { head, framing, connection } = request
  request.keepAlive = framing.keepAlive && connection.mayKeepAlive
  if (framing.hostStart >= 0) {
    request.host = connection.hostOf(head, framing.hostStart, framing.hostEnd)
  }
  request.server = connection.serverFor(request.host, request)
  request.location = request.server.fallback
  request.method = head.method
  request.body.reset(framing.hasBody, bodyLength, 0)
  const refusal = connection.checkTls(request)
  if (refusal !== 0) refuseEarly(request, refusal)
  else if (head.method === methods.connect || head.method === methods.trace) refuseMethod(request)
  else if (!readTarget(request)) refuseRequest(request, 400, 'invalid request')
  else request.phases.run(outcomes.next)
}

/** The client's fault, before there is anything to serve: answered and closed. */
export function refuseRequest(request: Request, status: number, problem: string): void {
  const { head } = request
  const part = head.lineEnd === 0 ? 'line' : 'headers'
  head.closeLine()
  request.logError(`client sent ${problem} while reading client request ${part}`, 'info')
  request.keepAlive = false
  request.body.fail(status)
  request.finalize(status)
}

/** The client has gone within the head: there is nobody to be answered, only the log to be told. */
export function abandonHead(request: Request): void {
  request.response.status = 400
  request.head.closeLine()
  const what = 'client prematurely closed connection while reading client request headers'
  request.logError(what, 'info')
}

/** TRACE would show what cookies hide; CONNECT is for proxies that clients know. */
function refuseMethod(request: Request): void {
  const where = 'while reading client request headers'
  request.logError(`client sent ${request.methodName} method ${where}`, 'info')
  refuseEarly(request, 405)
}

/** Nothing has said yet that the connection may be kept. */
function refuseEarly(request: Request, status: number): void {
  request.keepAlive = false
  request.finalize(status)
}

function readTarget(request: Request): boolean {
  const { head } = request
  const { bytes, pathStart, pathEnd } = head
  if (head.queryStart >= 0) {
    request.args = head.text(head.queryStart, head.targetEnd)
    request.hasArgs = head.targetEnd > head.queryStart
  }
  if (!head.pathSpecial) {
    request.uri = pathEnd > pathStart ? paths.get(bytes, pathStart, pathEnd) : '/'
    return true
  }
  const uri = normalizePath(bytes, pathStart, pathEnd, request.server.core.merge_slashes)
  request.uri = uri === '' ? '/' : (uri ?? '')
  return uri !== undefined
}
