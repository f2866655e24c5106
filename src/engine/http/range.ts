/** `Range` of one part (RFC 9110 §14). Several at once are answered with the whole, as the RFC allows. */
import { parseHttpDate } from './conditions.ts'
import { nameId } from './header-names.ts'
import type { Request } from './request.ts'

const rangeId = nameId('range')
const ifRangeId = nameId('if-range')

export interface ByteRange {
  readonly start: number
  /** Behind the last byte. */
  readonly end: number
}

/** What is to be sent of a body of that size: `undefined` for all of it, 416 for a part it does not have. */
export function requestedRange(request: Request, size: number): ByteRange | 416 | undefined {
  const { head, response } = request
  if (head.first[rangeId]! < 0 || head.repeats(rangeId)) return undefined
  const condition = head.value(ifRangeId)
  if (condition !== undefined && !isSame(condition, response)) return undefined
  return parseRange(head.value(rangeId)!, size)
}

export function parseRange(text: string, size: number): ByteRange | 416 | undefined {
  if (/^bytes=$/i.test(text)) return undefined
  const match = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(text)
  if (match === null) return /^bytes=[\d\s,-]*,/i.test(text) ? undefined : refusalOf(text)
  const [, first = '', last = ''] = match
  if (first === '') {
    if (last === '') return 416
    const length = Math.min(Number(last), size)
    if (length > 0) return { start: size - length, end: size }
    return size === 0 ? undefined : 416
  }
  const start = Number(first)
  const end = last === '' ? size : Math.min(Number(last) + 1, size)
  // Nothing of an empty file is all of it.
  if (start === 0 && size === 0) return undefined
  if (start >= size || (last !== '' && Number(last) < start)) return 416
  return { start, end }
}

/** A unit nobody knows is passed over; bytes that are no range cannot be satisfied. */
function refusalOf(text: string): 416 | undefined {
  return /^bytes=/i.test(text) ? 416 : undefined
}

/** `If-Range`: the same tag, strongly, or the very time. */
function isSame(condition: string, response: Request['response']): boolean {
  if (condition.endsWith('"')) return response.etag === condition && !condition.startsWith('W/')
  return parseHttpDate(condition) === response.lastModified
}
