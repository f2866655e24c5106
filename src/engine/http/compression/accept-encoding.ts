/** What a client takes: `Accept-Encoding` (RFC 9110 §12.5.3), by nginx's reading. */
import { nameId } from '../header-names.ts'
import type { Request } from '../request.ts'

const acceptEncodingId = nameId('accept-encoding')

const patterns = new Map<string, RegExp>()

/** A coding by itself, and its weight. */
function patternOf(coding: string): RegExp {
  let pattern = patterns.get(coding)
  if (pattern === undefined) {
    pattern = new RegExp(`(?:^|[, ])${coding}(?=$|[,; ])(?: *; *q=([^,; ]*))?`, 'i')
    patterns.set(coding, pattern)
  }
  return pattern
}

/** True when the client names the coding and does not give it the weight of zero. */
export function acceptsCoding({ head }: Request, coding: string): boolean {
  const text = head.value(acceptEncodingId)
  if (text === undefined) return false
  const match = patternOf(coding).exec(text)
  return match !== null && (match[1] === undefined || isWeight(match[1]))
}

/** nginx takes "0.001" to "1.000" for a yes, and whatever is not a number for a no. */
function isWeight(text: string): boolean {
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) && Number(text) > 0
}
