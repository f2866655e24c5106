/** Responses that are made of a status: by the `error_page` for it, or by nginx's page. */
import { agentOf, isExplorer, replacesShortPages } from './browser.ts'
import { methods } from './methods.ts'
import { outcomes } from './module.ts'
import type { Request } from './request.ts'
import { hasPage, redirectStatuses, statusPage, visibleStatus } from './status.ts'
import { escapeRefresh } from './uri.ts'

/** Goes to the page that is configured for a status; what the request goes on with, or nothing without one. */
export function errorPageOf(request: Request, status: number): number | undefined {
  const { core } = request.location
  if (request.inErrorPage || core.error_page.length === 0 || request.phases.exhausted) {
    return undefined
  }
  request.inErrorPage = !core.recursive_error_pages
  const page = core.error_page.find(({ codes }) => codes.includes(status))
  if (page === undefined) return undefined
  request.errorStatus = page.overwrite ?? visibleStatus(status)
  const target = page.target.evaluate(request)
  // What was said about access or where to go stays; what described another body does not.
  request.response.clearEntity()
  request.response.status = 200
  if (target.startsWith('@')) return request.redirectToNamed(target)
  if (!target.startsWith('/')) return redirectAway(request, target)
  if (request.method !== methods.head) request.method = methods.get
  const query = target.indexOf('?')
  return query < 0
    ? request.redirect(target, '')
    : request.redirect(target.slice(0, query), target.slice(query + 1))
}

function redirectAway(request: Request, target: string): number {
  const status = redirectStatuses.has(request.errorStatus) ? request.errorStatus : 302
  request.response.location = target
  sendStatus(request, status)
  return outcomes.done
}

/** Answers with a status alone, or with the page for it. */
export function sendStatus(request: Request, status: number): void {
  const { response, location } = request
  response.clearEntity()
  response.status = visibleStatus(status)
  request.errorStatus = response.status
  if (!hasPage(status)) {
    request.respond('')
    return
  }
  response.contentType = 'text/html'
  if (sendsRefresh(request, status)) {
    sendRefresh(request)
    return
  }
  const padded = status >= 400 && location.core.msie_padding && replacesShortPages(agentOf(request))
  request.respond(statusPage(status, request.signature, padded))
}

function sendsRefresh(request: Request, status: number): boolean {
  return (
    (status === 301 || status === 302) &&
    request.location.core.msie_refresh &&
    isExplorer(agentOf(request))
  )
}

/** `msie_refresh`: a page that leads on, in the place of a redirect. */
function sendRefresh(request: Request): void {
  const { response } = request
  const target = escapeRefresh(response.location ?? '')
  response.location = undefined
  request.errorStatus = 200
  request.respond(
    `<html><head><meta http-equiv="Refresh" content="0; URL=${target}"></head><body></body></html>\r\n`,
  )
}
