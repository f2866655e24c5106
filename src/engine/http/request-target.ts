/**
 * The two forms of a request's target that are served (RFC 9112 §3.2).
 *
 * ```text
 *   /path?query                       origin form
 *   http://authority/path?query       absolute form
 * ```
 */
import { slash } from './bytes.ts'
import type { RequestHead } from './request-head.ts'

const schemes = [Buffer.from('http://', 'latin1'), Buffer.from('https://', 'latin1')] as const

/** Finds authority and path in a whole target; false for a form that is not taken. */
export function splitTarget(head: RequestHead): boolean {
  const { bytes, targetStart, targetEnd, queryStart } = head
  const pathLimit = queryStart < 0 ? targetEnd : queryStart - 1
  head.pathEnd = pathLimit
  head.pathStart = targetStart
  if (bytes[targetStart] === slash) return true
  const tls = startsWithScheme(bytes, targetStart, pathLimit, schemes[1])
  if (!tls && !startsWithScheme(bytes, targetStart, pathLimit, schemes[0])) return false
  head.absoluteTls = tls
  head.authorityStart = targetStart + schemes[tls ? 1 : 0].length
  let end = head.authorityStart
  while (end < pathLimit && bytes[end] !== slash) end++
  head.authorityEnd = end
  head.pathStart = end
  return end > head.authorityStart
}

/** Schemes are case-insensitive (RFC 3986 §3.1). */
function startsWithScheme(
  bytes: Uint8Array,
  from: number,
  to: number,
  scheme: Uint8Array,
): boolean {
  if (to - from < scheme.length) return false
  for (let i = 0; i < scheme.length; i++) {
    const byte = bytes[from + i]!
    if (byte !== scheme[i] && (byte | 0x20) !== scheme[i]) return false
  }
  return true
}
