/** Keys of traffic: a group, which may be empty, and a name, as one text. */
import { keyBytesMax } from './limits.ts'

/** What clients can put into neither. */
const separator = '\x1f'

/** Names that come from requests may be longer than a table's keys; what is too long is cut off. */
export function keyText(group: string, name: string): string {
  const text = `${group}${separator}${name}`
  if (text.length * 3 <= keyBytesMax || Buffer.byteLength(text) <= keyBytesMax) return text
  const bytes = Buffer.from(text).subarray(0, keyBytesMax)
  // What was cut in the middle of a character becomes a sign of three bytes, and is left out.
  return bytes.toString().replace(/\uFFFD+$/, '')
}

export function partsOf(text: string): { readonly group: string; readonly name: string } {
  const at = text.indexOf(separator)
  return at < 0 ? { group: '', name: text } : { group: text.slice(0, at), name: text.slice(at + 1) }
}
