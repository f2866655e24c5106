/** What the location that was found says of a request before any handler does. */
import { staysOpen } from './keep-alive.ts'
import { outcomes } from './module.ts'
import type { Request } from './request.ts'

/** Returns `outcomes.next`, or the status with which the request ends. */
export function checkLocation(request: Request): number {
  const { framing } = request
  const { core } = request.location
  if (core.internal && !request.internal) return 404
  if (request.parent !== undefined) return outcomes.next
  const max = core.client_max_body_size
  if (max > 0 && framing.contentLength > max && !request.inErrorPage) {
    request.logError(`client intended to send too large body: ${framing.contentLength} bytes`)
    return 413
  }
  request.body.limit(max)
  if (request.keepAlive) request.keepAlive = staysOpen(request)
  return outcomes.next
}
