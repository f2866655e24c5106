/** How the head of a response leaves: what the header filters make of it, and whether another may follow. */
import { discardedBodyBytesMax } from './limits.ts'
import type { Request } from './request.ts'

/** Runs the header filters and writes the head; 0, or the status with which one of them refuses it. */
export function sendResponseHead(request: Request): number {
  const { response } = request
  if (request.errorStatus !== 0) response.status = request.errorStatus
  const { status } = response
  response.headOnly ||= request.isHead || status === 204 || status === 304
  if (response.challenge !== undefined) {
    response.add('WWW-Authenticate', response.challenge)
    response.challenge = undefined
  }
  for (const filter of request.location.headerFilters) {
    filter(request)
    if (response.refusal !== 0) return takeRefusal(request)
  }
  if (request.connection.closing || leavesBody(request)) request.keepAlive = false
  request.carrier.sendHead(request)
  response.headSent = true
  return 0
}

function takeRefusal({ response, filters }: Request): number {
  const { refusal } = response
  response.refusal = 0
  if (!filters.empty) filters.clear()
  return refusal
}

/** A body that was not asked for (RFC 9110 §10.1.1), or is too long to be read for nobody. */
function leavesBody({ body, framing }: Request): boolean {
  return body.unread && (framing.expectContinue || framing.contentLength > discardedBodyBytesMax)
}
