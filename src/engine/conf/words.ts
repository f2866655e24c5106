/**
 * Words ⇄ text: how a name or an argument is written so that reading it gives back the same characters.
 *
 * `splitWords(joinWords(words))` equals `words`, whatever characters they hold. A word is written bare
 * where that is possible, else in double quotes, or in single ones when it holds double quotes only.
 */
import { ConfError } from './diagnostics.ts'
import { Lexer } from './lexer.ts'
import { tokenBytesMax } from './limits.ts'

/** What would end a bare word, or would be hard to read in one. */
const special = /^[#}]|[\s;"']|(?<!\$)\{/
/** A backslash that reading would take for an escape, once control characters are escapes themselves. */
const ambiguousBackslash = /\\(?=["'\\trn\n\r\t]|$)/g

/** One word as it stands in a configuration. */
export function writeWord(word: string): string {
  if (word === '') return '""'
  const escaped = word.replaceAll(ambiguousBackslash, '\\\\')
  // A backslash may take along the "$" that keeps a "{" from opening a block.
  const needsQuotes = special.test(word) || (word.includes('\\') && word.includes('{'))
  if (!needsQuotes) return escaped
  const visible = escaped.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')
  return word.includes('"') && !word.includes("'")
    ? `'${visible}'`
    : `"${visible.replaceAll('"', '\\"')}"`
}

/** Quotes of the word, and what a reader keeps free behind it. */
const roomForQuotes = 4

/** What is wrong with a word that could be written but not read again; `undefined` for all others. */
export function lengthFault(word: string): string | undefined {
  if (word.length * 3 < tokenBytesMax) return undefined
  if (Buffer.byteLength(writeWord(word)) + roomForQuotes <= tokenBytesMax) return undefined
  return `too long parameter "${word.slice(0, 10)}..." started`
}

export function joinWords(words: readonly string[]): string {
  return words.map(writeWord).join(' ')
}

/**
 * The words of a text that holds arguments only.
 *
 * @throws ConfError when the text holds more than that: an end of statement, a block, a comment.
 */
export function splitWords(text: string): readonly string[] {
  if (/(?<!\\)(?:\\\\)*\\$/.test(text)) throw new ConfError('unexpected end of value after "\\"')
  const lexer: Lexer = new Lexer(`${text};`, {
    file: '',
    report: (message) => {
      throw new ConfError(lexer.commented ? 'unexpected "#"' : message)
    },
    unfinished: 'unexpected end of value, probably missing a closing quote',
  })
  const { ending, words } = lexer.next()
  if (lexer.commented) throw new ConfError('unexpected "#"')
  if (ending !== ';' || !lexer.finished) throw new ConfError(`unexpected "${ending}"`)
  return words
}
