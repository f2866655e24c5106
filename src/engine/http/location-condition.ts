/**
 * The condition of a location by expression.
 *
 * ```text
 *   location ( $arg_v = 2 && ( $http_user_agent ~* bot || $cookie_beta != "" ) ) { … }
 *
 *   any   = all { "||" all }
 *   all   = term { "&&" term }
 *   term  = "(" any ")" | test
 *   test  = $variable [ ( "=" | "!=" | "~" | "~*" | "!~" | "!~*" ) text ]
 * ```
 *
 * Tests mean what they mean in `if`. Parentheses may stand apart or not; behind a text, those count that the
 * text itself has not opened: `~ ^/(a|b))` ends with an expression and one that closes.
 */
import { ConfError } from '../conf/diagnostics.ts'
import { joinWords } from '../conf/words.ts'
import { conditionDepthMax } from './limits.ts'
import type { HttpEnv } from './module.ts'
import type { Request } from './request.ts'
import { compileTest } from './rewrite/condition.ts'

export type LocationCondition = (request: Request) => boolean

export type ConditionTree =
  | { readonly kind: 'any' | 'all'; readonly parts: readonly ConditionTree[] }
  | { readonly kind: 'test'; readonly words: readonly string[] }

/** True for arguments of a `location` that begin a condition. */
export function isCondition(args: readonly string[]): boolean {
  return args[0]?.startsWith('(') === true
}

/** Reads the arguments of a `location`; throws `ConfError`. */
export function parseCondition(args: readonly string[]): ConditionTree {
  const reader = new ConditionReader(args)
  const tree = reader.term(0)
  reader.end()
  return tree
}

/** The same text for conditions that are written with other blanks or more parentheses. */
export function formatCondition(tree: ConditionTree): string {
  if (tree.kind === 'test') return joinWords(tree.words)
  const sign = tree.kind === 'all' ? ' && ' : ' || '
  return tree.parts
    .map((part) => (part.kind === 'test' ? formatCondition(part) : `( ${formatCondition(part)} )`))
    .join(sign)
}

export function compileLocationCondition(
  tree: ConditionTree,
  env: Pick<HttpEnv, 'node' | 'variables'>,
): LocationCondition {
  if (tree.kind === 'test') {
    const test = compileTest(tree.words, env)
    return (request) => test(request, quietRun)
  }
  const parts = tree.parts.map((part) => compileLocationCondition(part, env))
  const stopsAt = tree.kind === 'any'
  return (request) => {
    for (const part of parts) if (part(request) === stopsAt) return stopsAt
    return !stopsAt
  }
}

/** Tests of a location are no script: nothing is logged, nothing remembered. */
const quietRun = { relocates: false, escapes: true, logs: false }

const operators: ReadonlySet<string> = new Set(['=', '!=', '~', '~*', '!~', '!~*'])

class ConditionReader {
  /** Words to come, the next one last. */
  readonly #words: string[]

  constructor(args: readonly string[]) {
    this.#words = args.toReversed()
  }

  term(depth: number): ConditionTree {
    if (depth > conditionDepthMax) {
      throw new ConfError(`conditions are nested deeper than ${conditionDepthMax}`)
    }
    if (!this.#takeOpening()) return this.#test()
    const tree = this.#any(depth + 1)
    const closing = this.#next()
    if (!/^\)+$/.test(closing)) invalid(closing)
    this.#split(closing, 1)
    return tree
  }

  end(): void {
    const more = this.#words.pop()
    if (more !== undefined) invalid(more)
  }

  #any(depth: number): ConditionTree {
    return this.#list('any', '||', () => this.#list('all', '&&', () => this.term(depth)))
  }

  #list(kind: 'any' | 'all', sign: string, read: () => ConditionTree): ConditionTree {
    const parts = [read()]
    while (this.#words.at(-1) === sign) {
      this.#words.pop()
      parts.push(read())
    }
    return parts.length === 1 ? parts[0]! : { kind, parts }
  }

  #test(): ConditionTree {
    const variable = this.#variable()
    if (!/^\$./.test(variable)) invalid(variable)
    const operator = this.#words.at(-1)
    if (operator === undefined || !operators.has(operator)) {
      return { kind: 'test', words: [variable] }
    }
    this.#words.pop()
    return { kind: 'test', words: [variable, operator, this.#text()] }
  }

  /** A word without the parentheses behind it that it has not opened. */
  #text(): string {
    const word = this.#next()
    const closing = Math.min(unopened(word), /\)*$/.exec(word)![0].length)
    if (closing === word.length && word !== '') invalid(word)
    return this.#split(word, word.length - closing)
  }

  #variable(): string {
    const word = this.#next()
    const at = word.search(/\)+$/)
    return at > 0 ? this.#split(word, at) : word
  }

  /** The word up to there; each parenthesis behind it becomes a word of its own. */
  #split(word: string, at: number): string {
    this.#words.push(...word.slice(at).split(''))
    return word.slice(0, at)
  }

  #takeOpening(): boolean {
    const word = this.#words.at(-1)
    if (word === undefined || !word.startsWith('(')) return false
    this.#words.pop()
    if (word.length > 1) this.#words.push(word.slice(1))
    return true
  }

  #next(): string {
    const word = this.#words.pop()
    if (word === undefined) throw new ConfError('unexpected end of condition, expecting ")"')
    return word
  }
}

/** Closing parentheses for which the text has no opening one; escaped ones and those of classes do not count. */
function unopened(text: string): number {
  const plain = text.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]/gs, '')
  let open = 0
  let missing = 0
  for (const char of plain) {
    if (char === '(') open += 1
    else if (char === ')' && open > 0) open -= 1
    else if (char === ')') missing += 1
  }
  return missing
}

function invalid(word: string): never {
  throw new ConfError(`invalid condition "${word}"`)
}
