/** `X-Accel-*`: what an upstream asks of the proxy itself. */
import { methods } from '../methods.ts'
import type { Request } from '../request.ts'
import type { UpstreamHead } from '../upstream-head.ts'
import { upstreamNameId } from '../upstream-names.ts'
import type { ProxySettings } from './settings.ts'

const redirectId = upstreamNameId('x-accel-redirect')
const bufferingId = upstreamNameId('x-accel-buffering')

/** Fields that go with the response of the place that `X-Accel-Redirect` names, as in nginx. */
const carried = ['content-type', 'set-cookie', 'content-disposition', 'cache-control', 'expires']
const carriedNames: readonly Buffer[] = carried.map((name) => Buffer.from(name, 'latin1'))

/** The place that the upstream sends the request to; `undefined` where it sends it nowhere. */
export function accelRedirect(head: UpstreamHead, { ignored }: ProxySettings): string | undefined {
  if (head.first[redirectId]! < 0 || ignored.has('x-accel-redirect')) return undefined
  return head.valueOf(redirectId)
}

/** What the request goes on with: another location answers it. */
export function goToAccel(request: Request, head: UpstreamHead, target: string): number {
  const { response } = request
  response.clear()
  for (let field = 0; field < head.count; field++) {
    if (!carriedNames.some((name) => head.isNamed(field, name))) continue
    if (head.isNamed(field, carriedNames[0]!)) response.contentType = head.value(field)
    else response.add(head.name(field), head.value(field))
  }
  if (target.startsWith('@')) return request.redirectToNamed(target)
  const query = target.indexOf('?')
  const path = decodePath(query < 0 ? target : target.slice(0, query))
  if (path === undefined) {
    request.logError(`unsafe URI "${target}" was detected`)
    return 404
  }
  if (request.method !== methods.head) request.method = methods.get
  return request.redirect(path, query < 0 ? '' : target.slice(query + 1))
}

/** nginx: empty, with a `..` that leads upwards, or with a NUL is not safe. */
function decodePath(path: string): string | undefined {
  if (path === '' || path.includes('\0')) return undefined
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    decoded = path
  }
  return /(?:^|\/)\.\.(?:\/|$)/.test(decoded) || decoded.includes('\0') ? undefined : decoded
}

/** Whether the response is buffered. */
export function accelBuffering(head: UpstreamHead, { ignored, buffering }: ProxySettings): boolean {
  if (head.first[bufferingId]! < 0 || ignored.has('x-accel-buffering')) return buffering
  const value = head.valueOf(bufferingId)!.toLowerCase()
  if (value === 'yes') return true
  return value === 'no' ? false : buffering
}
