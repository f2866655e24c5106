/** The first line of a request, which HTTP/2 has as pseudo fields: what may stand in them. */
import { slash, target, targetQuery, targetSpecial } from '../bytes.ts'
import type { RequestHead } from '../request-head.ts'
import type { Slice } from './slice.ts'

const blank = 0x20
const del = 0x7f
const dash = 0x2d
const dot = 0x2e
const underscore = 0x5f

/** Not empty, and nothing in it that could end a line or a word of it. */
export function isPlainValue({ bytes, start, end }: Slice): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte <= blank || byte === del) return false
  }
  return end > start
}

/** As nginx takes them: upper-case letters, "_" and "-". */
export function isMethod({ bytes, methodStart, methodEnd }: RequestHead): boolean {
  for (let at = methodStart; at < methodEnd; at++) {
    const byte = bytes[at]!
    if ((byte < 0x41 || byte > 0x5a) && byte !== underscore && byte !== dash) return false
  }
  return true
}

/** Finds path and query in the target; false for what is none. */
export function scanTarget(head: RequestHead): boolean {
  const { bytes, targetStart, targetEnd } = head
  if (bytes[targetStart] !== slash) return false
  head.pathStart = targetStart
  head.pathEnd = targetEnd
  let before = 0
  for (let at = targetStart; at < targetEnd; at++) {
    const byte = bytes[at]!
    const kind = target[byte]!
    if (kind === 0) return false
    if (kind === targetQuery && head.queryStart < 0) {
      head.queryStart = at + 1
      head.pathEnd = at
    } else if (head.queryStart < 0) {
      if (kind === targetSpecial || ((byte === slash || byte === dot) && before === slash)) {
        head.pathSpecial = true
      }
    }
    before = byte
  }
  return true
}
