/** Parts of bodies: `Range`, `If-Range` and `max_ranges`, for everything that can be had in parts. */
import { bySettings } from '../by-settings.ts'
import { count } from '../../modules/value-types.ts'
import { parseHttpDate } from '../conditions.ts'
import { nameId } from '../header-names.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import { RangeFilter } from '../range-filter.ts'
import { type ByteRange, multipartRanges, parseRanges, singleRange } from '../range.ts'
import type { Request } from '../request.ts'

export interface HttpRangeConf {
  readonly max_ranges: number
}

/** Digits of a boundary, as nginx writes them. */
const boundaryDigits = 20

const rangeId = nameId('range')
const ifRangeId = nameId('if-range')

export const httpRange: HttpModule<HttpRangeConf> = defineHttpModule<HttpRangeConf>({
  id: 'http.range',
  directives: {
    max_ranges: {
      contexts: ['http', 'http.server', 'http.location'],
      args: [1, 1],
      syntax: 'max_ranges number',
      value: count,
      default: Infinity,
      doc: 'Sets how many parts of a body may be asked for at once; 0 offers none.',
    },
  },
  hooks: {
    headerFilter: bySettings(({ max_ranges: max }) =>
      max === 0
        ? undefined
        : (request) => {
            if (request.response.allowRanges) offerRanges(request, max)
          },
    ),
  },
})

function offerRanges(request: Request, max: number): void {
  const { response, head } = request
  if (response.status !== 200 || response.contentLength < 0 || request.parent !== undefined) return
  const asked = head.first[rangeId]! >= 0 && isSame(request) && selectRanges(request, max)
  if (!asked) response.add('Accept-Ranges', 'bytes')
}

/** `If-Range`: the same tag, or the very time. */
function isSame({ head, response }: Request): boolean {
  const condition = head.value(ifRangeId)
  if (condition === undefined) return true
  if (condition.length > 1 && condition.endsWith('"')) return condition === response.etag
  return response.lastModified >= 0 && parseHttpDate(condition) === response.lastModified
}

/** False when the whole is to be sent. */
function selectRanges(request: Request, max: number): boolean {
  const { head, response } = request
  const { contentLength: size } = response
  // A body that passes by once is cut once: several parts of it might have to be sent out of order.
  const most = response.seekable ? max : 1
  const ranges = parseRanges(head.value(rangeId)!, size, most)
  if (ranges === 'none') refuseRange(request, size)
  else if (ranges === 'all') return false
  else sendRanges(request, ranges)
  return true
}

function refuseRange({ response }: Request, size: number): void {
  response.add('Content-Range', `bytes */${size}`)
  response.refusal = 416
}

function sendRanges(request: Request, ranges: readonly ByteRange[]): void {
  const { response } = request
  const { contentLength: size } = response
  const [only] = ranges
  response.status = 206
  if (ranges.length === 1) {
    response.ranges = singleRange(only!)
    response.add('Content-Range', `bytes ${only!.start}-${only!.end - 1}/${size}`)
  } else {
    const boundary = nextBoundary()
    response.ranges = multipartRanges(ranges, { boundary, type: fullType(request), size })
    response.contentType = `multipart/byteranges; boundary=${boundary}`
    response.charset = undefined
  }
  response.contentLength = response.ranges.length
  if (!response.seekable) request.filterBody(new RangeFilter(request, only!))
}

function fullType({ response: { contentType, charset } }: Request): string | undefined {
  return charset === undefined ? contentType : `${contentType}; charset=${charset}`
}

let boundaries = 0

/** It must not stand in the body, which nobody has read: a number that is never used twice. */
function nextBoundary(): string {
  boundaries += 1
  const text = `${Date.now()}${boundaries}`
  return text.slice(-boundaryDigits).padStart(boundaryDigits, '0')
}
