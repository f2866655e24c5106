/**
 * The path of a request in its normal form, as nginx makes it: escapes decoded, `.` and `..` resolved,
 * several slashes made one (`merge_slashes`).
 *
 * ```text
 *   /a/./b//c/../d%20e   ──▶   /a/b/d e          an escaped slash or dot counts as one
 * ```
 */
import { hexValue, slash } from './bytes.ts'

const percent = 0x25
const dot = 0x2e
const question = 0x3f
const deleteSign = 0x7f
const notHex = 255
const invalid = -1

/** One path at a time is worked on; grows to the largest head that is allowed. */
let scratch = Buffer.allocUnsafeSlow(1024)
/** Where the segment in work began in `scratch`. */
let segment = 0

/** The normal form, or `undefined` for a path with a bad escape, a NUL, or a `..` above the root. */
export function normalizePath(
  bytes: Uint8Array,
  start: number,
  end: number,
  mergeSlashes: boolean,
): string | undefined {
  if (scratch.length <= end - start) scratch = Buffer.allocUnsafeSlow((end - start) * 2)
  let length = 0
  segment = 0
  for (let at = start; at < end; at++) {
    let byte = bytes[at]!
    if (byte === percent) {
      byte = at + 2 < end ? unescape(bytes, at) : invalid
      if (byte <= 0) return undefined
      at += 2
    }
    if (byte !== slash) {
      scratch[length++] = byte
      continue
    }
    const kept = endSegment(length)
    if (kept === invalid) return undefined
    // The slash behind "." and ".." goes with them; one behind an empty segment is the second of two.
    const empty = length > 0 && (kept < length || (mergeSlashes && kept === segment))
    length = kept
    if (!empty) scratch[length++] = slash
    segment = length
  }
  length = endSegment(length)
  return length === invalid ? undefined : scratch.toString('utf8', 0, length)
}

/** Value of the escape at `at`, -1 when its digits are not hexadecimal. */
function unescape(bytes: Uint8Array, at: number): number {
  const high = hexValue[bytes[at + 1]!]!
  const low = hexValue[bytes[at + 2]!]!
  return high === notHex || low === notHex ? invalid : high * 16 + low
}

/** Takes `.` and `..` away; returns the length that is left, which is then where the segment begins. */
function endSegment(length: number): number {
  const size = length - segment
  if (size === 1 && scratch[segment] === dot) return segment
  if (size !== 2 || scratch[segment] !== dot || scratch[segment + 1] !== dot) return length
  if (segment <= 1) return invalid
  segment = scratch.lastIndexOf(slash, segment - 2) + 1
  return segment
}

/** Signs that a decoded path does not show as they are, beside blanks, controls and all above ASCII. */
const pathSpecial = /[\0- "#%<>?\\^`{|}\x7f-\uffff]/
/** In a query "&", "+" and ";" would mean something, too. */
const argumentSpecial = /[\0- "#%&+;<>?\\^`{|}\x7f-\uffff]/

/** In an attribute quotes would end it. */
const refreshSpecial = /[\0- "'<>\\^`{|}\x7f-\uffff]/

/** A decoded path as it may stand in a header or a request. */
export function encodePath(path: string): string {
  return pathSpecial.test(path) ? escapeBytes(path, pathSpecial) : path
}

/** A part of a path as it may stand in a query. */
export function escapeArgument(text: string): string {
  return argumentSpecial.test(text) ? escapeBytes(text, argumentSpecial) : text
}

/** A target as it may stand in an attribute of a page. */
export function escapeRefresh(target: string): string {
  return refreshSpecial.test(target) ? escapeBytes(target, refreshSpecial) : target
}

function escapeBytes(text: string, special: RegExp): string {
  let out = ''
  for (const sign of text) {
    if (!special.test(sign)) out += sign
    else for (const byte of Buffer.from(sign)) out += escapeByte(byte)
  }
  return out
}

function escapeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

/**
 * Takes back what escaping groups did to the path of a redirect: printable signs but `"`, `#`, `%` and
 * the like are plain again, up to the first "?". What is no escape is left out, as in nginx: "%" before a
 * sign that is no digit, and a single digit with the sign behind it.
 */
export function unescapeRedirect(text: string): string {
  if (!text.includes('%')) return text
  let out = ''
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!
    if (sign === '?') return out + text.slice(at)
    if (sign !== '%') {
      out += sign
      continue
    }
    const [, first = '', second = ''] = /^([\da-f])([\da-f]?)/i.exec(text.slice(at + 1)) ?? []
    if (first === '') continue
    at += 2
    if (second === '') continue
    const code = Number.parseInt(first + second, 16)
    if (code === question) return `${out}?${text.slice(at + 1)}`
    const plain = code > percent && code < deleteSign
    out += plain ? String.fromCharCode(code) : `%${first}${second}`
  }
  return out
}
