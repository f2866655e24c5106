/**
 * `charset_map`: how the characters of one set become those of another, both ways.
 *
 * ```text
 *   charset_map koi8-r utf-8 { C1 D0B0; }      one byte ⇄ up to four bytes
 *   charset_map koi8-r windows-1251 { C1 E0; } one byte ⇄ one byte
 * ```
 *
 * The first 128 characters are the same in all sets. What a map does not name becomes "?", or a numeric
 * reference of HTML where it comes from UTF-8.
 *
 * A map stands among the variables under a name that no configuration can write by accident: so it is
 * found by slot while serving, and a map that changes live is taken into use with its snapshot.
 */
import { directives } from '../../conf/block.ts'
import { ConfError } from '../../conf/diagnostics.ts'
import type { Directive } from '../../conf/tree.ts'
import type { VariableDefinition, VariableHost } from '../../core/variables.ts'
import type { VariableBlockEnv } from '../../modules/captures.ts'

/** How bytes of one set are turned into bytes of another. */
export type CharsetTable =
  | { readonly kind: 'bytes'; readonly table: Uint8Array }
  /** For each byte its UTF-8. */
  | { readonly kind: 'toUtf8'; readonly table: readonly Uint8Array[] }
  /** For each character its byte. */
  | { readonly kind: 'fromUtf8'; readonly table: ReadonlyMap<number, number> }

interface CharsetDefinition extends VariableDefinition<VariableHost> {
  readonly charset: CharsetTable
}

const asciiCount = 128
const byteCount = 256
const unknownSign = 0x3f
const utf8Name = 'utf-8'
const utf8BytesMax = 4

/** Variable that holds a map, with its `$`. */
export function charsetVariable(from: string, to: string): string {
  const name = Buffer.from(`${from} ${to}`.toLowerCase()).toString('hex')
  return `$charset_map_${name}`
}

/** The map of a variable, where it holds one. */
export function charsetTableOf(
  definition: VariableDefinition<never> | undefined,
): CharsetTable | undefined {
  return (definition as CharsetDefinition | undefined)?.charset
}

/** nginx's words for a map that is wanted and not there. */
export function missingMap(from: string, to: string): string {
  return `no "charset_map" between the charsets "${from}" and "${to}"`
}

/** Compiles a block: two tables. */
export function defineCharsetMap(node: Directive, { session, variables }: VariableBlockEnv): void {
  session.attempt(node, () => {
    const [from = '', to = ''] = node.args
    if (from.toLowerCase() === to.toLowerCase()) {
      throw new ConfError(`"charset_map" between the same charsets "${from}" and "${to}"`)
    }
    const [forth, back] = to.toLowerCase() === utf8Name ? utf8Tables(node) : byteTables(node)
    const define = (name: string, charset: CharsetTable): void => {
      const definition: CharsetDefinition = { get: () => undefined, changeable: true, charset }
      variables.define(name, definition)
    }
    define(charsetVariable(from, to), forth)
    define(charsetVariable(to, from), back)
  })
}

type Tables = readonly [forth: CharsetTable, back: CharsetTable]

function byteTables(node: Directive): Tables {
  const forth = asciiTable()
  const back = asciiTable()
  for (const [from, text] of entries(node)) {
    const to = byteOf(text)
    forth[from] = to
    back[to] = from
  }
  return [
    { kind: 'bytes', table: forth },
    { kind: 'bytes', table: back },
  ]
}

function asciiTable(): Uint8Array {
  return Uint8Array.from({ length: byteCount }, (_, byte) =>
    byte < asciiCount ? byte : unknownSign,
  )
}

function utf8Tables(node: Directive): Tables {
  const forth = Array.from(asciiTable(), (byte) => Uint8Array.of(byte))
  const back = new Map<number, number>()
  for (const [from, text] of entries(node)) {
    const bytes = Buffer.from(text, 'hex')
    const [character, ...more] = Array.from(bytes.toString('utf8'))
    const fits = bytes.length * 2 === text.length && bytes.length <= utf8BytesMax
    if (!fits || character === undefined || more.length > 0) invalid(text)
    forth[from] = bytes
    back.set(character.codePointAt(0)!, from)
  }
  return [
    { kind: 'toUtf8', table: forth },
    { kind: 'fromUtf8', table: back },
  ]
}

function* entries(node: Directive): Generator<readonly [from: number, to: string], void, void> {
  for (const { name, args } of directives(node.block!)) {
    if (args.length !== 1) throw new ConfError('invalid parameters number')
    yield [byteOf(name), args[0]!]
  }
}

function byteOf(text: string): number {
  return /^[\da-f]{1,2}$/i.test(text) ? Number.parseInt(text, 16) : invalid(text)
}

function invalid(text: string): never {
  throw new ConfError(`invalid value "${text}"`)
}
