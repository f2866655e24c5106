/**
 * `Range` (RFC 9110 §14): which parts of a body are asked for, and how they are put together.
 *
 * ```text
 *   one part     206, Content-Range: bytes 5-9/100           the bytes alone
 *   several      206, multipart/byteranges; boundary=…       CRLF --…  fields  CRLF bytes  …  CRLF --…--
 * ```
 *
 * nginx's readings hold: parts that begin behind the end are left out; more bytes than the body has, or more
 * parts than `max_ranges` allows, are answered with the whole.
 */

export interface ByteRange {
  readonly start: number
  /** Behind the last byte. */
  readonly end: number
}

/** A part with what stands before it in the message. */
export interface BodyPart extends ByteRange {
  readonly head: Buffer | undefined
}

export interface ByteRanges {
  readonly parts: readonly BodyPart[]
  /** What stands behind the last part. */
  readonly tail: Buffer | undefined
  /** All bytes of the message's body. */
  readonly length: number
}

/** Digits that stay below 2^53. */
const digitsMax = 15
const spec = /[ ]*(?:(\d+)[ ]*-[ ]*(\d*)|-(\d+))[ ]*(,|$)/y

/** The parts of a body of `size` bytes; 'all' where the field is passed over, 'none' for a 416. */
export function parseRanges(
  text: string,
  size: number,
  rangesMax: number,
): readonly ByteRange[] | 'all' | 'none' {
  if (!/^bytes=./i.test(text)) return 'all'
  const found: ByteRange[] = []
  let bytes = 0
  spec.lastIndex = 'bytes='.length
  for (let more = true; more;) {
    const match = spec.exec(text)
    if (match === null) return 'none'
    const range = toRange(match, size)
    if (range === undefined) return 'none'
    if (range.start < range.end) {
      if (found.length === rangesMax) return 'all'
      found.push(range)
      bytes += range.end - range.start
    } else if (range.start === 0) return 'all'
    more = match[4] === ','
  }
  if (found.length === 0) return 'none'
  return bytes > size ? 'all' : found
}

function toRange(
  [, first, last = '', suffix]: RegExpExecArray,
  size: number,
): ByteRange | undefined {
  if ((suffix ?? first!).length > digitsMax || last.length > digitsMax) return undefined
  if (suffix !== undefined) return { start: Math.max(size - Number(suffix), 0), end: size }
  const end = last === '' ? size : Math.min(Number(last) + 1, size)
  return { start: Number(first), end }
}

/** One part, which is the whole message. */
export function singleRange({ start, end }: ByteRange): ByteRanges {
  return { parts: [{ head: undefined, start, end }], tail: undefined, length: end - start }
}

export interface MultipartOptions {
  readonly boundary: string
  /** Type of the whole, with its charset; `undefined` where it has none. */
  readonly type: string | undefined
  readonly size: number
}

/** Several parts, each with its own head. */
export function multipartRanges(
  ranges: readonly ByteRange[],
  { boundary, type, size }: MultipartOptions,
): ByteRanges {
  const field = type === undefined ? '' : `Content-Type: ${type}\r\n`
  const parts = ranges.map(({ start, end }): BodyPart => {
    const place = `Content-Range: bytes ${start}-${end - 1}/${size}\r\n\r\n`
    return { head: Buffer.from(`\r\n--${boundary}\r\n${field}${place}`), start, end }
  })
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  const length = parts.reduce(
    (sum, { head, start, end }) => sum + head!.length + end - start,
    tail.length,
  )
  return { parts, tail, length }
}
