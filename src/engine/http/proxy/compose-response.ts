/** What the client is told of an upstream's response: which fields go on, and which are changed. */
import type { Request } from '../request.ts'
import { type UpstreamHead } from '../upstream-head.ts'
import { upstreamNameId } from '../upstream-names.ts'
import type { UpstreamFraming } from './framing.ts'
import { redirectRefresh } from './redirects.ts'
import type { ProxySettings } from './settings.ts'

const locationId = upstreamNameId('location')
const refreshId = upstreamNameId('refresh')
const cookieId = upstreamNameId('set-cookie')
const rateId = upstreamNameId('x-accel-limit-rate')
const rangesId = upstreamNameId('accept-ranges')

/** Fills `request.response` from a head that has come whole. */
export function composeResponse(
  request: Request,
  head: UpstreamHead,
  settings: ProxySettings,
  framing: Pick<UpstreamFraming, 'contentLength'>,
): void {
  const { response } = request
  hideFields(head, settings.hidden)
  response.forward(head)
  response.status = head.status
  response.contentLength = framing.contentLength
  if (settings.redirect !== undefined) changePlaces(request, head, settings)
  if (settings.cookies !== undefined && head.first[cookieId]! >= 0) {
    changeCookies(request, head, settings)
  }
  if (head.first[rateId]! >= 0 && !settings.ignored.has('x-accel-limit-rate')) {
    const rate = head.valueOf(rateId)!
    if (/^\d{1,15}$/.test(rate)) request.limitRate = Number(rate)
  }
  if (settings.forceRanges) {
    head.hideAll(rangesId)
    response.allowRanges = true
  }
}

function hideFields(head: UpstreamHead, hidden: Uint8Array): void {
  for (let field = 0; field < head.count; field++) {
    const id = head.idOf(field)
    if (id >= 0 && hidden[id] === 1) head.hide(field)
  }
}

function changePlaces(request: Request, head: UpstreamHead, { redirect }: ProxySettings): void {
  const location = head.valueOf(locationId)
  if (location !== undefined) {
    const changed = redirect!(request, location)
    // One that begins with a slash is made absolute, and stands where those stand.
    if (changed?.startsWith('/') === true) request.response.location = changed
    else if (changed !== undefined) head.replace(head.first[locationId]!, changed)
  }
  const refresh = head.valueOf(refreshId)
  if (refresh === undefined) return
  const changed = redirectRefresh(redirect!, request, refresh)
  if (changed !== undefined) head.replace(head.first[refreshId]!, changed)
}

function changeCookies(request: Request, head: UpstreamHead, { cookies }: ProxySettings): void {
  for (let field = head.first[cookieId]!; field < head.count; field++) {
    if (head.idOf(field) !== cookieId || head.isHidden(field)) continue
    const before = head.value(field)
    const after = cookies!(request, before)
    if (after !== before) head.replace(field, after)
  }
}
