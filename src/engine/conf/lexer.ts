/**
 * Cuts the text of a configuration into statements, by nginx's rules.
 *
 * A statement is a list of words and what ends it. `;`, `{`, `}`, `#` and quotes mean something only where
 * a word begins; within a word they are plain, but for `;` and `{`, which also end it:
 *
 * ```text
 *   a"b        one word, a"b              "a" b     two words
 *   a#b        one word                   "a"b      unexpected "b"
 *   ${x}y      one word: a "{" after a "$" does not open a block
 *   \;         one word: a backslash takes the next character along
 * ```
 *
 * Of the escapes only `\" \' \\ \t \r \n` are resolved; before any other character the backslash stays.
 * What is wrong is reported and the scan goes on where a reader would: after a stray `;`, before a `}`
 * that came too early, as if a space stood after a closing quote.
 */
import { tokenBytesMax } from './limits.ts'
import { scriptEnd, type SkipRule } from './script-block.ts'
import type { Position } from './tree.ts'

const tab = 9
const lineFeed = 10
const carriageReturn = 13
const space = 32
const doubleQuote = 34
const sharp = 35
const dollar = 36
const singleQuote = 39
const closingParenthesis = 41
const semicolon = 59
const backslash = 92
const openingBrace = 123
const closingBrace = 125

/** `end`: the text ended here; `stop`: it cannot be read any further. */
export type Ending = ';' | '{' | '}' | 'end' | 'stop'

export interface Statement {
  readonly ending: Ending
  /** Quotes removed, escapes resolved. */
  readonly words: readonly string[]
  /** White space and comments before the first word. */
  readonly lead: string
  /** From the first word to the ending character, with it. */
  readonly text: string
  /** Of the first word, or of the ending where there is none. */
  readonly at: Position
  /** True when something in it was reported. */
  readonly broken: boolean
}

export interface LexerOptions {
  readonly file: string
  readonly report: (message: string, at: Position) => void
  /** What to say when the text ends within a statement. */
  readonly unfinished?: string
}

export class Lexer {
  readonly #text: string
  readonly #file: string
  readonly #reportTo: (message: string, at: Position) => void
  readonly #unfinished: string
  #position = 0
  #line = 1
  #lineStart = 0
  #words: string[] = []
  #broken = false
  #stopped = false
  #commented = false
  /** Short pieces that were read before, by their first and last characters and their length. */
  readonly #shared: string[]

  constructor(text: string, options: LexerOptions) {
    this.#text = text
    this.#file = options.file
    this.#reportTo = options.report
    this.#unfinished = options.unfinished ?? 'unexpected end of file, expecting ";" or "}"'
    const slots = Math.min(Math.ceil(text.length / charsPerSharedText), sharedTextsMax)
    this.#shared = Array.from<string>({ length: slots }).fill('')
  }

  /** Where the next character stands. */
  here(): Position {
    return this.#place(this.#line, this.#position)
  }

  /** True when everything was read. */
  get finished(): boolean {
    return this.#position >= this.#text.length
  }

  /** True once any comment was passed over. */
  get commented(): boolean {
    return this.#commented
  }

  next(): Statement {
    const begin = this.#position
    this.#words = []
    this.#broken = false
    this.#skipSpace()
    const start = this.#position
    const at = this.here()
    const ending = this.#readWords()
    const text = this.#text
    return {
      ending,
      words: this.#words,
      lead: this.#textOf(begin, start),
      text: text.slice(start, this.#position),
      at,
      broken: this.#broken,
    }
  }

  /** Reads the text of a code-like block whose "{" was the last ending, and its "}". */
  script(rule: SkipRule): string | undefined {
    const begin = this.#position
    const end = scriptEnd(this.#text, begin, rule)
    this.#pass(end < 0 ? this.#text.length : end + 1)
    return end < 0 ? undefined : this.#text.slice(begin, end)
  }

  /** Reads a comment that stands on this very line, with the space before it; there may be none. */
  beside(): string {
    const begin = this.#position
    let start = begin
    while (isBlank(this.#text.charCodeAt(start))) start++
    if (this.#text.charCodeAt(start) !== sharp) return ''
    this.#position = start
    this.#skipComment()
    if (!this.#stopped) this.#position++
    return this.#text.slice(begin, this.#position)
  }

  #readWords(): Ending {
    while (!this.#stopped) {
      if (this.#position >= this.#text.length) return this.#finish()
      const char = this.#text.charCodeAt(this.#position)
      if (char === semicolon || char === openingBrace) {
        if (this.#words.length === 0) this.#report(`unexpected "${charText(char)}"`, this.here())
        this.#position++
        return char === semicolon ? ';' : '{'
      }
      if (char === closingBrace) {
        if (this.#words.length > 0) {
          this.#report('unexpected "}"', this.here())
          return ';'
        }
        this.#position++
        return '}'
      }
      if (char === doubleQuote || char === singleQuote) this.#readQuoted(char)
      else this.#readBare()
      this.#skipSpace()
    }
    return 'stop'
  }

  /** A piece of the text; the same string for names and white space that come again and again. */
  #textOf(start: number, end: number): string {
    const text = this.#text
    const length = end - start
    if (length > sharedCharsMax || length === 0) return text.slice(start, end)
    const mixed = text.charCodeAt(start) * 31 + text.charCodeAt(end - 1)
    const slot = (mixed * 31 + length) % this.#shared.length
    const known = this.#shared[slot]!
    if (known.length === length && text.startsWith(known, start)) return known
    return (this.#shared[slot] = text.slice(start, end))
  }

  #finish(): Ending {
    if (this.#words.length > 0) this.#report(this.#unfinished, this.here())
    return 'end'
  }

  #skipSpace(): void {
    const text = this.#text
    for (; this.#position < text.length; this.#position++) {
      const char = text.charCodeAt(this.#position)
      if (char === lineFeed) this.#newLine(this.#position)
      else if (char === sharp) this.#skipComment()
      else if (!isSpace(char)) return
      if (this.#stopped) return
    }
  }

  /** Leaves the position before the line feed, or on the last character of the text. */
  #skipComment(): void {
    const text = this.#text
    const start = this.#position
    const found = text.indexOf('\n', start)
    const end = found < 0 ? text.length : found
    this.#commented = true
    if (this.#checkLength(start, end, undefined)) this.#position = end - 1
  }

  #readBare(): void {
    const text = this.#text
    const start = this.#position
    const line = this.#line
    let position = start
    let variable = false
    let escaped = false
    for (; position < text.length; position++) {
      const char = text.charCodeAt(position)
      if (char === openingBrace && variable) continue
      if (char === openingBrace || char === semicolon || isSpace(char)) break
      variable = char === dollar
      if (char !== backslash) continue
      escaped = true
      position++
      if (text.charCodeAt(position) === lineFeed) this.#newLine(position)
    }
    const end = Math.min(position, text.length)
    const read = isSpace(text.charCodeAt(end)) ? end + 1 : end
    if (!this.#checkLength(start, read, undefined, line)) return
    this.#position = end
    this.#words.push(escaped ? unescape(text.slice(start, end)) : this.#textOf(start, end))
  }

  #readQuoted(quote: number): void {
    const text = this.#text
    const start = this.#position + 1
    const line = this.#line
    let position = start
    let escaped = false
    for (; position < text.length; position++) {
      const char = text.charCodeAt(position)
      if (char === quote) break
      if (char === lineFeed) this.#newLine(position)
      if (char !== backslash) continue
      escaped = true
      position++
      if (text.charCodeAt(position) === lineFeed) this.#newLine(position)
    }
    const end = Math.min(position, text.length)
    if (!this.#checkLength(start, end, quote, line)) return
    const raw = text.slice(start, end)
    this.#position = Math.min(end + 1, text.length)
    this.#words.push(escaped ? unescape(raw) : raw)
    if (end < text.length) this.#afterQuote(start, line)
  }

  #afterQuote(start: number, line: number): void {
    const position = this.#position
    if (!this.#checkLength(start, position, undefined, line)) return
    if (position >= this.#text.length) return
    const char = this.#text.charCodeAt(position)
    if (isSpace(char)) this.#checkLength(start, position + 1, undefined, line)
    else if (!mayFollowQuote(char)) {
      const found = String.fromCodePoint(this.#text.codePointAt(position)!)
      this.#report(`unexpected "${found}"`, this.here())
    }
  }

  /**
   * nginx keeps what it reads of a token, its ending included, in one buffer; a token that fills the
   * buffer before the text ends is an error there, and the usual sign of a forgotten quote.
   */
  #checkLength(start: number, end: number, quote: number | undefined, line = this.#line): boolean {
    // A UTF-16 unit takes three bytes at most; the usual token is not measured.
    if ((end - start) * 3 < tokenBytesMax) return true
    const bytes = Buffer.byteLength(this.#text.slice(start, end))
    if (bytes < tokenBytesMax || (bytes === tokenBytesMax && end === this.#text.length)) return true
    const message =
      quote === undefined
        ? `too long parameter "${firstBytes(this.#text, start)}..." started`
        : `too long parameter, probably missing terminating "${charText(quote)}" character`
    const column = Math.max(start - this.#text.lastIndexOf('\n', start - 1), 1)
    this.#report(message, { file: this.#file, line, column })
    this.#stop()
    return false
  }

  #report(message: string, at: Position): void {
    this.#broken = true
    this.#reportTo(message, at)
  }

  #stop(): void {
    this.#stopped = true
    this.#position = this.#text.length
  }

  #pass(end: number): void {
    for (; this.#position < end; this.#position++) {
      if (this.#text.charCodeAt(this.#position) === lineFeed) this.#newLine(this.#position)
    }
  }

  #newLine(position: number): void {
    this.#line++
    this.#lineStart = position + 1
  }

  #place(line: number, position: number): Position {
    return Object.freeze({ file: this.#file, line, column: position - this.#lineStart + 1 })
  }
}

/** Longer pieces are views of the text anyway. */
const sharedCharsMax = 12
/** A short text, as of a change, is given no more slots than it may have use for. */
const charsPerSharedText = 16
const sharedTextsMax = 1021

function isBlank(char: number): boolean {
  return char === space || char === tab
}

function isSpace(char: number): boolean {
  return char === space || char === lineFeed || char === tab || char === carriageReturn
}

/** A "}" is reported where the statement is looked at as a whole, in the same words. */
function mayFollowQuote(char: number): boolean {
  return (
    char === semicolon ||
    char === openingBrace ||
    char === closingBrace ||
    char === closingParenthesis
  )
}

/** As much of a text as a message shows: ten bytes, or fewer where the tenth is within a character. */
function firstBytes(text: string, start: number): string {
  let shown = ''
  for (const char of text.slice(start, start + 10)) {
    if (Buffer.byteLength(shown + char) > 10) break
    shown += char
  }
  return shown
}

function charText(char: number): string {
  return String.fromCharCode(char)
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '\\': '\\',
  t: '\t',
  r: '\r',
  n: '\n',
}

/** nginx resolves these six escapes, within quotes and outside; other backslashes are kept. */
function unescape(raw: string): string {
  return raw.replaceAll(/\\(["'\\trn])/g, (_, char: string) => escapes[char]!)
}
