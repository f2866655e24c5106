/**
 * The part of TOML 1.0 that settings files are written in: tables, keys, strings on one line, numbers,
 * booleans and lists of them. What else TOML has (dates, texts over several lines, inline tables, lists of
 * tables) is refused by name, never read wrongly.
 *
 * ```text
 *   file    = *( table / pair / comment )
 *   table   = "[" key "]"
 *   pair    = key "=" value
 *   key     = part *( "." part )          part = bare / basic string / literal string
 *   value   = string / number / boolean / "[" [ value *( "," value ) [ "," ] ] "]"
 * ```
 */
import { ConfError } from './diagnostics.ts'

export type TomlScalar = string | number | boolean
export type TomlValue = TomlScalar | readonly TomlScalar[] | TomlTable
export interface TomlTable {
  readonly [key: string]: TomlValue
}

type MutableTable = { [key: string]: TomlScalar | readonly TomlScalar[] | MutableTable }

const depthMax = 8

const patterns = {
  blank: /[ \t]*/y,
  comment: /#[^\n]*/y,
  bareKey: /[A-Za-z0-9_-]+/y,
  basic: /"((?:[^"\\\n]|\\.)*)"/y,
  literal: /'([^'\n]*)'/y,
  boolean: /(?:true|false)(?![A-Za-z0-9_-])/y,
  number: /[+-]?(?:\d(?:_?\d)*)(?:\.\d(?:_?\d)*)?(?:[eE][+-]?\d+)?(?![A-Za-z0-9_:-])/y,
} as const

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
}

/** Reads a text; throws `ConfError` that says what is wrong, and in which line. */
export function parseToml(text: string): TomlTable {
  return new Reader(text.replaceAll('\r\n', '\n')).file()
}

class Reader {
  readonly #text: string
  readonly #root: MutableTable = newTable()
  /** Tables that stood in brackets: each may only once. */
  readonly #named = new Set<string>()
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  file(): TomlTable {
    let table = this.#root
    while (this.#at < this.#text.length) {
      this.#skip('blank')
      if (this.#peek() === '[') table = this.#table()
      else if (!this.#atLineEnd()) this.#pair(table)
      this.#endLine()
    }
    return this.#root
  }

  #table(): MutableTable {
    this.#at += 1
    if (this.#peek() === '[') this.#fail('lists of tables are not supported')
    const path = this.#key()
    this.#expect(']')
    const name = JSON.stringify(path)
    if (this.#named.has(name)) this.#fail(`table "${path.join('.')}" stands twice`)
    this.#named.add(name)
    return this.#descend(this.#root, path)
  }

  #pair(table: MutableTable): void {
    const path = this.#key()
    this.#expect('=')
    const name = path.at(-1)!
    const holder = this.#descend(table, path.slice(0, -1))
    if (Object.hasOwn(holder, name)) this.#fail(`"${path.join('.')}" stands twice`)
    holder[name] = this.#peek() === '[' ? this.#list() : this.#scalar()
  }

  #descend(from: MutableTable, path: readonly string[]): MutableTable {
    let table = from
    for (const part of path) {
      const next = (table[part] ??= newTable())
      if (typeof next !== 'object' || Array.isArray(next)) this.#fail(`"${part}" is no table`)
      table = next as MutableTable
    }
    return table
  }

  #key(): readonly string[] {
    const parts: string[] = []
    do {
      this.#skip('blank')
      parts.push(this.#keyPart())
      this.#skip('blank')
      if (parts.length > depthMax) this.#fail(`keys have at most ${depthMax} parts`)
    } while (this.#accept('.'))
    return parts
  }

  #keyPart(): string {
    const text = this.#take('bareKey')?.[0] ?? this.#string()
    return text ?? this.#fail('a key is expected')
  }

  #list(): readonly TomlScalar[] {
    const list: TomlScalar[] = []
    this.#expect('[')
    this.#skipLines()
    while (!this.#accept(']')) {
      list.push(this.#scalar())
      this.#skipLines()
      if (this.#accept(',')) this.#skipLines()
      else if (this.#peek() !== ']') this.#fail('"," or "]" is expected')
    }
    return list
  }

  #scalar(): TomlScalar {
    const text = this.#string()
    if (text !== undefined) return text
    const word = this.#take('boolean')
    if (word !== null) return word[0] === 'true'
    const number = this.#take('number')
    if (number !== null) return Number(number[0].replaceAll('_', ''))
    return this.#fail('a string, a number, true or false is expected')
  }

  #string(): string | undefined {
    if (/^("""|''')/.test(this.#text.slice(this.#at, this.#at + 3))) {
      this.#fail('strings over several lines are not supported')
    }
    const literal = this.#take('literal')
    if (literal !== null) return literal[1]!
    const basic = this.#take('basic')
    return basic === null ? undefined : this.#unescape(basic[1]!)
  }

  #unescape(text: string): string {
    return text.replaceAll(/\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/g, (...match) => {
      const [, short, long, letter] = match as readonly (string | undefined)[]
      if (letter !== undefined) return escapes[letter] ?? this.#fail(`unknown escape "\\${letter}"`)
      const code = Number.parseInt(short ?? long!, 16)
      return code <= 0x10_ffff ? String.fromCodePoint(code) : this.#fail('no such character')
    })
  }

  #expect(character: string): void {
    this.#skip('blank')
    if (!this.#accept(character)) this.#fail(`"${character}" is expected`)
    this.#skip('blank')
  }

  #accept(character: string): boolean {
    if (this.#peek() !== character) return false
    this.#at += 1
    return true
  }

  #skipLines(): void {
    do {
      this.#skip('blank')
      this.#skip('comment')
    } while (this.#accept('\n'))
  }

  #atLineEnd(): boolean {
    const next = this.#peek()
    return next === '' || next === '\n' || next === '#'
  }

  #endLine(): void {
    this.#skip('blank')
    this.#skip('comment')
    if (this.#at < this.#text.length && !this.#accept('\n')) this.#fail('the line should end here')
  }

  #skip(name: 'blank' | 'comment'): void {
    this.#take(name)
  }

  #peek(): string {
    return this.#text.charAt(this.#at)
  }

  #take(name: keyof typeof patterns): RegExpExecArray | null {
    const pattern = patterns[name]
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match !== null) this.#at = pattern.lastIndex
    return match
  }

  #fail(reason: string): never {
    const line = this.#text.slice(0, this.#at).split('\n').length
    throw new ConfError(`${reason} in line ${line}`)
  }
}

/** Without a prototype: names of the file are names of the file. */
function newTable(): MutableTable {
  return Object.create(null) as MutableTable
}
