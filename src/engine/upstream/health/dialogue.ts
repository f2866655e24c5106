/** What a check of TCP or UDP says, and what it wants to hear. */
import { ConfError } from '../../conf/diagnostics.ts'
import { compileRegex } from '../../core/regex.ts'

export interface Dialogue {
  readonly send?: Buffer | undefined
  readonly expect?: Expected | undefined
}

/** True: it was said; false: it will not be, whatever else comes; `undefined`: more may bring it. */
export type Expected = (received: Buffer) => boolean | undefined

/** `\xNN`, `\r`, `\n`, `\t` and `\\`: what a text of the configuration cannot hold itself. */
export function decodeBytes(text: string): Buffer {
  const bytes: Buffer[] = []
  let at = 0
  for (const match of text.matchAll(/\\(?:x([\dA-Fa-f]{2})|([rnt\\]))/g)) {
    bytes.push(Buffer.from(text.slice(at, match.index)))
    bytes.push(Buffer.of(match[1] === undefined ? escapes[match[2]!]! : parseInt(match[1], 16)))
    at = match.index + match[0].length
  }
  bytes.push(Buffer.from(text.slice(at)))
  return Buffer.concat(bytes)
}

const escapes: Readonly<Record<string, number>> = { r: 0x0d, n: 0x0a, t: 0x09, '\\': 0x5c }

/** A text that the answer begins with, or `~ regex` (`~* regex`) that it matches. */
export function compileExpected(words: readonly string[]): Expected {
  const match = /^(~\*?)\s*(.*)$/s.exec(words.join(' '))
  if (match !== null) {
    const regex = compileRegex(match[2]!, { ignoreCase: match[1] === '~*' })
    return (received) => (regex.test(received.toString('latin1')) ? true : undefined)
  }
  const wanted = decodeBytes(words.join(' '))
  if (wanted.length === 0) throw new ConfError('nothing is expected')
  return (received) => {
    const { length } = received
    if (length >= wanted.length) return received.subarray(0, wanted.length).equals(wanted)
    return wanted.subarray(0, length).equals(received) ? undefined : false
  }
}
