/**
 * Looks for several texts in a stream of bytes at once, without regard to the case of ASCII letters.
 *
 * The leftmost wins, and among those that begin at the same place the one that stands first in the
 * configuration. A piece may end within a text: what could still become one is held back.
 *
 * ```text
 *   …</he|ad>…      the piece ends at |: "</he" waits, all before it goes on
 * ```
 *
 * Bytes are searched as Latin-1 text, one character for each byte, by a regular expression that the
 * JavaScript engine turns into machine code.
 */

export class TextSearch {
  /** In lower case, one character for each byte. */
  readonly #texts: readonly string[]
  readonly #pattern: RegExp
  readonly #longest: number

  /** `texts` are not empty, and have one character for each byte. */
  constructor(texts: readonly string[]) {
    this.#texts = texts.map(lowerAscii)
    this.#pattern = new RegExp(texts.map((text) => `(${toPattern(text)})`).join('|'), 'g')
    this.#longest = Math.max(...texts.map(({ length }) => length))
  }

  /** The first occurrence from `from` on. */
  find(haystack: string, from: number): Occurrence | undefined {
    this.#pattern.lastIndex = from
    const match = this.#pattern.exec(haystack)
    if (match === null) return undefined
    const index = match.findIndex((group, i) => i > 0 && group !== undefined) - 1
    return { start: match.index, end: match.index + match[0].length, index }
  }

  /** Where something begins, from `from` on, that more bytes could make an occurrence; the end for nothing. */
  unfinished(haystack: string, from: number): number {
    const { length } = haystack
    const first = Math.max(from, length - this.#longest + 1)
    const tail = lowerAscii(haystack.slice(first))
    for (let at = 0; at < tail.length; at++) {
      const rest = tail.slice(at)
      if (this.#texts.some((text) => text.length > rest.length && text.startsWith(rest))) {
        return first + at
      }
    }
    return length
  }
}

export interface Occurrence {
  readonly start: number
  readonly end: number
  /** Which of the texts it is. */
  readonly index: number
}

function lowerAscii(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** Each letter in both cases; everything else by its number. */
function toPattern(text: string): string {
  return text.replaceAll(/[^]/g, (character) => {
    if (/[A-Za-z]/.test(character)) {
      return `[${character.toLowerCase()}${character.toUpperCase()}]`
    }
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}
