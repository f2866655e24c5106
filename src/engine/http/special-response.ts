/** Responses that are made of a status: by the `error_page` for it, or by nginx's page. */
import { methods } from './methods.ts'
import { outcomes } from './module.ts'
import type { Request } from './request.ts'
import { hasPage, statusPage } from './status.ts'

/** Goes to the page that is configured for a status; what the request goes on with, or nothing without one. */
export function errorPageOf(request: Request, status: number): number | undefined {
  const { core } = request.location
  if (status < 300 || core.error_page.length === 0) return undefined
  if (request.inErrorPage && !core.recursive_error_pages) return undefined
  const page = core.error_page.find(({ codes }) => codes.includes(status))
  if (page === undefined) return undefined
  request.inErrorPage = true
  request.errorStatus = page.overwrite ?? status
  const target = page.target.evaluate(request)
  // The page of a 401 asks for the same credentials.
  const { challenge } = request.response
  request.response.clear()
  request.response.challenge = challenge
  if (target.startsWith('@')) return request.redirectToNamed(target)
  if (!target.startsWith('/')) return redirectAway(request, target)
  if (request.method !== methods.head) request.method = methods.get
  const query = target.indexOf('?')
  return query < 0
    ? request.redirect(target, '')
    : request.redirect(target.slice(0, query), target.slice(query + 1))
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

function redirectAway(request: Request, target: string): number {
  const status = redirects.has(request.errorStatus) ? request.errorStatus : 302
  request.errorStatus = 0
  request.response.location = target
  sendStatus(request, status)
  return outcomes.done
}

/** Answers with a status alone, or with the page for it. */
export function sendStatus(request: Request, status: number): void {
  const { response } = request
  response.clearEntity()
  response.status = status
  if (!hasPage(status)) {
    request.respond('')
    return
  }
  response.contentType = 'text/html'
  request.respond(statusPage(status, request.signature))
}
