/**
 * The target of the request that is passed on, by nginx's rules.
 *
 * ```text
 *   proxy_pass http://b          /x%20y?a   ─▶ /x%20y?a         as it came, while nobody has changed it
 *   proxy_pass http://b/app/     /loc/x%20y ─▶ /app/x%20y       decoded, in the location's place, escaped
 *   proxy_pass http://b$uri      …          ─▶ what the variables say, and nothing else
 * ```
 */
import type { Request } from '../request.ts'
import { encodePath } from '../uri.ts'

const percent = 0x25

/** The target where it does not go on as it came; `uri` of `proxy_pass` takes the place of `cut` characters. */
export function composeTarget(request: Request, uri: string, cut: number): string {
  const inLocation = request.uriInLocation && uri !== ''
  const path = inLocation ? request.uri.slice(cut) : request.uri
  const query = request.args === '' ? '' : `?${request.args}`
  const escaped = wantsEscape(request) ? encodePath(path) : path
  return safeTarget(`${inLocation ? uri : ''}${escaped}${query}`)
}

/** What came without escapes goes on without; it holds no sign then that a target may not hold. */
function wantsEscape({ plainUri, head, parent }: Request): boolean {
  if (!plainUri || parent !== undefined) return true
  const at = head.bytes.indexOf(percent, head.pathStart)
  return at >= 0 && at < head.pathEnd
}

// oxlint-disable-next-line no-control-regex
const unsafe = /[\0-\x20\x7f]/
const unsafeAll = new RegExp(unsafe.source, 'g')

/** A text as a target: a blank or a line break would end it and begin something else. */
export function safeTarget(text: string): string {
  const target = text.startsWith('/') ? text : `/${text}`
  return unsafe.test(target) ? target.replaceAll(unsafeAll, escapeSign) : target
}

function escapeSign(sign: string): string {
  return `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
