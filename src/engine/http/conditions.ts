/**
 * Conditional requests (RFC 9110 §13), by nginx's order: what must match first, then what must not.
 */
import { nameId } from './header-names.ts'
import type { Request } from './request.ts'

const ids = {
  modifiedSince: nameId('if-modified-since'),
  unmodifiedSince: nameId('if-unmodified-since'),
  match: nameId('if-match'),
  noneMatch: nameId('if-none-match'),
}

export type ModifiedRule = 'off' | 'exact' | 'before'

/** 0 when the response is to be sent, otherwise 304 or 412. */
export function checkConditions(request: Request, rule: ModifiedRule): number {
  const { first } = request.head
  const none =
    first[ids.modifiedSince]! < 0 &&
    first[ids.unmodifiedSince]! < 0 &&
    first[ids.match]! < 0 &&
    first[ids.noneMatch]! < 0
  return none ? 0 : decide(request, rule)
}

function decide({ head, response }: Request, rule: ModifiedRule): number {
  const { lastModified, etag } = response
  const unmodifiedSince = head.value(ids.unmodifiedSince)
  if (unmodifiedSince !== undefined && isModifiedAfter(unmodifiedSince, lastModified)) return 412
  const match = head.value(ids.match)
  if (match !== undefined && !matches(match, etag, true)) return 412
  const modifiedSince = head.value(ids.modifiedSince)
  const noneMatch = head.value(ids.noneMatch)
  if (modifiedSince === undefined && noneMatch === undefined) return 0
  if (modifiedSince !== undefined && isModified(modifiedSince, lastModified, rule)) return 0
  if (noneMatch !== undefined && !matches(noneMatch, etag, false)) return 0
  return 304
}

/** What nobody knows the time of may have been modified. */
function isModifiedAfter(text: string, lastModified: number): boolean {
  return lastModified < 0 || !(parseHttpDate(text) >= lastModified)
}

function isModified(text: string, lastModified: number, rule: ModifiedRule): boolean {
  if (rule === 'off' || lastModified < 0) return true
  const since = parseHttpDate(text)
  if (since === lastModified) return false
  return rule === 'exact' || !(since >= lastModified)
}

/** Whether one of the tags is ours; the strong comparison takes no weak ones. */
function matches(list: string, etag: string | undefined, strong: boolean): boolean {
  if (list.trim() === '*') return true
  if (etag === undefined || (strong && etag.startsWith('W/'))) return false
  const ours = etag.replace(/^W\//, '')
  return [...list.matchAll(/(W\/)?("[^"]*")/g)].some(
    ([, weak, tag]) => tag === ours && !(strong && weak !== undefined),
  )
}

/** Milliseconds since the epoch of a date in one of the forms of RFC 9110 §5.6.7; NaN for anything else. */
export function parseHttpDate(text: string): number {
  return /^[A-Z][a-z]{2,8}(?:,? )/.test(text) ? Date.parse(withZone(text)) : Number.NaN
}

/** The form of asctime names no zone: it is Greenwich's. */
function withZone(text: string): string {
  return text.endsWith('GMT') ? text : `${text} GMT`
}
