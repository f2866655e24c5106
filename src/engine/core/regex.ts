/**
 * Regular expressions as nginx users write them (PCRE), on JavaScript's engine.
 *
 * Rewritten: `(?<name>…)` and `(?P<name>…)` named groups, a leading `(?i)`, `\A`, `\z`, `\h`, POSIX classes
 * such as `[[:digit:]]`, `.` where it must not end at a carriage return. What the engine cannot do (possessive
 * quantifiers, recursion, `\K`) is a configuration error, never a different match. Texts are Unicode here:
 * a `.` is a character, as with PCRE's `(*UTF8)`, and `$` is the very end, not what is before a last line feed.
 */
import { ConfError } from '../conf/diagnostics.ts'

export interface Regex {
  /** As written. */
  readonly source: string
  /** Names of named groups, in order. */
  readonly names: readonly string[]
  /** Number of groups. */
  readonly groups: number
  test(text: string): boolean
  exec(text: string): RegExpExecArray | null
}

const posixClasses: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: '\\s',
  blank: ' \\t',
  punct: '!-\\/:-@\\[-`{-~',
  xdigit: '0-9A-Fa-f',
  word: '\\w',
}

export function compileRegex(source: string, options: { readonly ignoreCase: boolean }): Regex {
  const written = source.replace(/^(?:\(\*(?:UTF8?|UCP)\))+/, '')
  const inline = /^\(\?([imsx]+)\)/.exec(written)
  const flags = new Set(inline?.[1] ?? '')
  if (flags.has('x')) unsupported(source, 'the "x" option')
  if (options.ignoreCase) flags.add('i')
  const body = toJavaScript(written.slice(inline?.[0].length ?? 0), {
    source,
    dotAll: flags.has('s'),
  })
  const pattern = build(body, [...flags].join(''), source)
  const groups = new RegExp(`${body}|`).exec('')!.length - 1
  const names = [...body.matchAll(/\(\?<([A-Za-z_]\w*)>/g)].map((match) => match[1]!)
  return Object.freeze({
    source,
    names,
    groups,
    test: (text: string) => pattern.test(text),
    exec: (text: string) => pattern.exec(text),
  })
}

const tokenPattern = /\\.|\[:\w+:\]|\[\^?\]?|\]|\(\?P<\w+>|\(\?P=\w+\)|[*+?}]\+|[^]/g

interface Surroundings {
  /** The whole expression, for messages. */
  readonly source: string
  readonly dotAll: boolean
}

/** Rewrites token by token: inside a character class the same signs mean other things. */
function toJavaScript(text: string, { source, dotAll }: Surroundings): string {
  let inClass = false
  return text.replaceAll(tokenPattern, (token) => {
    if (token.startsWith('[:')) return posixClasses[token.slice(2, -2)] ?? token
    if (token.startsWith('\\')) return rewriteEscape(token, inClass, source)
    if (token.startsWith('[')) {
      if (inClass) return token.replaceAll('[', '\\[')
      inClass = true
      // A bracket right after the opening one is a plain character.
      return token.endsWith(']') ? `${token.slice(0, -1)}\\]` : token
    }
    if (token === '.' && !inClass && !dotAll) return '[^\\n]'
    if (token === ']') inClass = false
    if (inClass || token.length === 1) return token
    if (token.endsWith('+')) unsupported(source, 'a possessive quantifier')
    return token.startsWith('(?P<') ? `(?<${token.slice(4)}` : `\\k<${token.slice(4, -1)}>`
  })
}

/** Escapes of PCRE that JavaScript would read as plain letters. */
const foreignEscapes: ReadonlySet<string> = new Set('CEGKLNPQRUVXglopu')

function rewriteEscape(token: string, inClass: boolean, source: string): string {
  const letter = token[1]!
  if (foreignEscapes.has(letter)) unsupported(source, `"${token}"`)
  switch (letter) {
    case 'a':
      return '\\x07'
    case 'e':
      return '\\x1b'
    case 'H':
      return inClass ? unsupported(source, '"\\H" in a class') : '[^ \\t]'
    case 'v':
      return inClass ? '\\n\\x0b\\f\\r' : '[\\n\\x0b\\f\\r]'
    case 'h':
      return inClass ? ' \\t' : '[ \\t]'
    case 'A':
      return '^'
    case 'z':
    case 'Z':
      return '$'
    default:
      return token
  }
}

function build(body: string, flags: string, source: string): RegExp {
  try {
    return new RegExp(body, flags)
  } catch (error) {
    throw new ConfError(`pcre_compile() failed: ${(error as Error).message} in "${source}"`)
  }
}

function unsupported(source: string, what: string): never {
  throw new ConfError(`regular expression "${source}" uses ${what}, which is not supported`)
}
