/**
 * Texts of byte ranges that come again and again, such as paths: found by their bytes, not made anew.
 *
 * A slot holds the text that was asked for last among those of its hash, so the table never grows.
 */

const slotBits = 10
const slotMask = 2 ** slotBits - 1
/** Longer texts are made each time: looking at their bytes twice costs as much. */
const textBytesMax = 64
const hashFactor = 31

export class TextCache {
  readonly #texts: (string | undefined)[] = Array.from({ length: slotMask + 1 }, () => undefined)

  /** The text of `bytes[start, end)`, which is UTF-8. */
  get(bytes: Buffer, start: number, end: number): string {
    const length = end - start
    if (length > textBytesMax) return bytes.toString('utf8', start, end)
    let hash = length
    for (let at = start; at < end; at++) hash = (Math.imul(hash, hashFactor) + bytes[at]!) | 0
    const slot = (hash ^ (hash >>> slotBits)) & slotMask
    const known = this.#texts[slot]
    if (known !== undefined && isText(known, bytes, start, length)) return known
    const text = bytes.toString('utf8', start, end)
    this.#texts[slot] = text
    return text
  }
}

const asciiMax = 0x7f

/** True for the same bytes; above ASCII characters and bytes are not the same. */
function isText(text: string, bytes: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > asciiMax || code !== bytes[start + i]) return false
  }
  return true
}
