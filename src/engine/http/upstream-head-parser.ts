/**
 * Parses the head of another server's response: strict HTTP/1 (RFC 9112 §4, §5), line by line.
 *
 * A line that has not come whole is read again from its beginning when more of it comes: heads come in one
 * piece nearly always, and this keeps the loop over their bytes free of states.
 */
import { colon, cr, fieldValue, lf, space, tab, tokenLower } from './bytes.ts'
import { hashByte } from './header-names.ts'
import { upstreamFieldsMax } from './limits.ts'
import type { NameIndex } from './name-index.ts'
import type { UpstreamHead } from './upstream-head.ts'

/** What `parse` says: more bytes are needed, the head is whole, or it is none. */
export const partial = 0
export const whole = 1
export const broken = 2

const versionText = Buffer.from('HTTP/1.', 'latin1')
const digitZero = 0x30
const statusDigits = 3

export class UpstreamHeadParser {
  readonly head: UpstreamHead
  /** What is wrong, in nginx's words. */
  problem: string = ''
  /** Where the line in work begins; 0 while the status line has not been read. */
  #at = 0
  #names: NameIndex

  constructor(head: UpstreamHead, names: NameIndex) {
    this.head = head
    this.#names = names
  }

  /** Begins another head; `names` gives fields their ids. */
  reset(names: NameIndex): void {
    this.#names = names
    this.#at = 0
    this.problem = ''
  }

  /** Goes over the bytes that came since. */
  parse(): number {
    if (this.#at === 0) {
      const outcome = this.#statusLine()
      if (outcome !== whole) return outcome
    }
    for (;;) {
      const { head } = this
      if (this.#at >= head.length) return partial
      if (head.bytes[this.#at] === cr) return this.#emptyLine()
      const outcome = this.#field()
      if (outcome !== whole) return outcome
    }
  }

  #bad(problem: string): number {
    this.problem = problem
    return broken
  }

  /** `HTTP/1.1 200 OK`; the reason may be empty, and the space before it missing. */
  #statusLine(): number {
    const { head } = this
    const { bytes, length } = head
    const codeAt = versionText.length + 2
    for (let at = 0; at < codeAt - 2; at++) {
      if (at >= length) return partial
      if (bytes[at] !== versionText[at]) return this.#bad(noHttp)
    }
    let at = codeAt
    while (at < length && fieldValue[bytes[at]!] === 1) at++
    if (at + 1 >= length) return at < length && bytes[at] !== cr ? this.#bad(noHttp) : partial
    if (bytes[at] !== cr || bytes[at + 1] !== lf) return this.#bad(noHttp)
    if (!this.#status(codeAt, at)) return this.#bad(noHttp)
    head.statusStart = codeAt
    head.statusEnd = at
    this.#at = at + 2
    return whole
  }

  #status(from: number, lineEnd: number): boolean {
    const { head } = this
    const { bytes } = head
    head.minor = bytes[from - 2]! - digitZero
    if (head.minor < 0 || head.minor > 9 || bytes[from - 1] !== space) return false
    if (lineEnd - from < statusDigits) return false
    let status = 0
    for (let at = from; at < from + statusDigits; at++) {
      const digit = bytes[at]! - digitZero
      if (digit < 0 || digit > 9) return false
      status = status * 10 + digit
    }
    head.status = status
    const after = from + statusDigits
    return status >= 100 && (after === lineEnd || bytes[after] === space)
  }

  /** A token, a colon with nothing before it, and a value (RFC 9112 §5); no folding. */
  #field(): number {
    const { head } = this
    const { bytes, length } = head
    const start = this.#at
    let at = start
    let hash = 0
    for (; at < length; at++) {
      const lower = tokenLower[bytes[at]!]!
      if (lower === 0) break
      hash = hashByte(hash, lower)
    }
    if (at === length) return partial
    if (bytes[at] !== colon || at === start) return this.#badField(start, at)
    const nameEnd = at
    at++
    while (at < length && (bytes[at] === space || bytes[at] === tab)) at++
    const valueStart = at
    while (at < length && fieldValue[bytes[at]!] === 1) at++
    if (at === length) return partial
    if (bytes[at] !== cr) return this.#badField(start, at)
    if (at + 1 === length) return partial
    if (bytes[at + 1] !== lf) return this.#badField(start, at)
    if (head.count === upstreamFieldsMax) return this.#bad('upstream sent too many header lines')
    head.addField(start, nameEnd, this.#names.find(bytes, start, nameEnd, hash))
    this.#endField(nameEnd, valueStart, at)
    this.#at = at + 2
    return whole
  }

  #endField(nameEnd: number, valueStart: number, lineEnd: number): void {
    const { bytes } = this.head
    let end = lineEnd
    while (end > valueStart && isBlank(bytes[end - 1]!)) end--
    const plain = end === lineEnd && valueStart === nameEnd + 2 && bytes[nameEnd + 1] === space
    this.head.endField(valueStart, end, plain ? lineEnd + 2 : -1)
  }

  #emptyLine(): number {
    const { head } = this
    if (this.#at + 1 >= head.length) return partial
    if (head.bytes[this.#at + 1] !== lf) return this.#badField(this.#at, this.#at + 1)
    head.end = this.#at + 2
    return whole
  }

  #badField(start: number, at: number): number {
    const { bytes } = this.head
    const byte = bytes[at]!.toString(16).padStart(2, '0')
    const text = bytes.toString('latin1', start, at)
    return this.#bad(`upstream sent invalid header: "${text}\\x${byte}..."`)
  }
}

const noHttp = 'upstream sent no valid HTTP/1.0 header'

function isBlank(byte: number): boolean {
  return byte === space || byte === tab
}
