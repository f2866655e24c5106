/**
 * `geo [$address] $variable { … }`: a variable whose value depends on an address.
 *
 * ```text
 *   default value;      delete CIDR;      proxy CIDR;      ranges;      volatile;
 *   10.1.0.0/16 value;                    the longest prefix that matches wins
 *   10.1.0.0-10.1.0.9 value;              with `ranges`: the last range that was given wins
 * ```
 *
 * Prefixes are kept in one table per length and looked up from the longest; ranges are cut into disjoint
 * pieces once and found by bisection.
 */
import { isIPv4 } from 'node:net'
import { directives } from '../conf/block.ts'
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { BlockRow, Context } from '../core/module.ts'
import type { VariableHost } from '../core/variables.ts'
import type { VariableBlockEnv } from './captures.ts'
import {
  type Cidr,
  formatCidr,
  type IpBits,
  ipv4Word,
  maskWord,
  parseCidr,
  parseIp,
} from './cidr.ts'

export interface GeoOptions {
  /** Variable that holds the client's address where the block names none, with its `$`. */
  readonly addressVariable: string
}

interface Range {
  readonly from: number
  readonly to: number
  readonly value: string
}

/** Values by prefix length, longest first. */
class PrefixTable {
  readonly #byPrefix = new Map<number, Map<string, string>>()
  #lengths: readonly number[] = []

  set(prefix: number, key: string, value: string): string | undefined {
    const known = this.#byPrefix.get(prefix)
    const table = known ?? new Map<string, string>()
    if (known === undefined) {
      this.#byPrefix.set(prefix, table)
      this.#lengths = [...this.#byPrefix.keys()].sort((a, b) => b - a)
    }
    const before = table.get(key)
    table.set(key, value)
    return before
  }

  delete(prefix: number, key: string): boolean {
    return this.#byPrefix.get(prefix)?.delete(key) ?? false
  }

  find(ip: IpBits): string | undefined {
    for (const prefix of this.#lengths) {
      const value = this.#byPrefix.get(prefix)!.get(keyOf(ip, prefix))
      if (value !== undefined) return value
    }
    return undefined
  }
}

class Geo {
  fallback = ''
  volatile = false
  ranges: boolean
  readonly #v4 = new PrefixTable()
  readonly #v6 = new PrefixTable()
  readonly #given: Range[] = []
  #pieces: readonly Range[] | undefined

  constructor(ranges: boolean) {
    this.ranges = ranges
  }

  find(ip: IpBits | undefined): string {
    if (ip === undefined) return this.fallback
    const found = this.ranges ? this.#findRange(ip) : this.#table(ip).find(ip)
    return found ?? this.fallback
  }

  add(text: string, value: string, env: { warn(message: string): void }): void {
    if (this.ranges) return this.#addRange(text, value)
    const cidr = parseNetwork(text, () => env.warn(`low address bits of ${text} are meaningless`))
    const before = this.#table(cidr).set(cidr.prefix, keyOf(cidr, cidr.prefix), value)
    if (before !== undefined) {
      const network = formatCidr(cidr)
      env.warn(`duplicate network "${network}", value: "${value}", old value: "${before}"`)
    }
  }

  delete(text: string): boolean {
    const cidr = parseNetwork(text)
    return this.#table(cidr).delete(cidr.prefix, keyOf(cidr, cidr.prefix))
  }

  #table(ip: IpBits): PrefixTable {
    return ip.family === 4 ? this.#v4 : this.#v6
  }

  #addRange(text: string, value: string): void {
    const [first = '', last = '', ...more] = text.split('-')
    if (!isIPv4(first) || !isIPv4(last) || more.length > 0) invalidRange(text)
    const range = { from: ipv4Word(first), to: ipv4Word(last), value }
    if (range.from > range.to) invalidRange(text)
    this.#given.push(range)
  }

  #findRange(ip: IpBits): string | undefined {
    if (ip.family !== 4) return undefined
    const word = ip.words[0]!
    const pieces = (this.#pieces ??= disjoint(this.#given))
    let low = 0
    let high = pieces.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const piece = pieces[middle]!
      if (word < piece.from) high = middle - 1
      else if (word > piece.to) low = middle + 1
      else return piece.value
    }
    return undefined
  }
}

export function geoBlockRow(context: Context): BlockRow {
  return {
    contexts: [context],
    args: [1, 2],
    syntax: 'geo [$address] $variable { ... }',
    opens: 'free',
    repeated: true,
    doc: 'Creates a variable whose value depends on the client address.',
  }
}

/** Compiles one `geo` block and defines its variable. */
export function defineGeo(
  node: Directive,
  { session, variables }: VariableBlockEnv,
  { addressVariable }: GeoOptions,
): void {
  const children = [...directives(node.block!)]
  const geo = new Geo(children.some(({ name, args }) => name === 'ranges' && args.length === 0))
  for (const child of children) {
    session.attempt(child, () => addEntry(geo, child, (text) => session.warn(text, child)))
  }
  session.attempt(node, () => {
    const [variable, address] = [
      node.args.at(-1)!,
      node.args.length === 2 ? node.args[0]! : addressVariable,
    ]
    const slot = variables.use(address, node)
    variables.define(variable, {
      get: (host: VariableHost) => geo.find(parseIp(host.get(slot) ?? '')),
      volatile: geo.volatile,
      changeable: true,
    })
  })
}

function addEntry(geo: Geo, { name, args }: Directive, warn: (message: string) => void): void {
  if (args.length === 0) {
    if (name === 'ranges') return
    if (name === 'volatile') {
      geo.volatile = true
      return
    }
  }
  const [value] = args
  if (args.length !== 1 || value === undefined) {
    throw new ConfError('invalid number of the geo parameters')
  }
  if (name === 'default') geo.fallback = value
  else if (name === 'delete') {
    if (!geo.delete(value)) warn(`no network "${value}" to delete`)
  } else geo.add(name, value, { warn })
}

/** Cuts overlapping ranges into pieces; a later range lies over an earlier one. */
function disjoint(given: readonly Range[]): readonly Range[] {
  let pieces: Range[] = []
  for (const range of given) {
    const cut: Range[] = []
    for (const piece of pieces) {
      if (piece.to < range.from || piece.from > range.to) cut.push(piece)
      else {
        if (piece.from < range.from) cut.push({ ...piece, to: range.from - 1 })
        if (piece.to > range.to) cut.push({ ...piece, from: range.to + 1 })
      }
    }
    cut.push(range)
    pieces = cut
  }
  return pieces.sort((a, b) => a.from - b.from)
}

function parseNetwork(text: string, onLowBits?: () => void): Cidr {
  try {
    return parseCidr(text, onLowBits)
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    throw new ConfError(`invalid network "${text}"`)
  }
}

/** The leading bits of an address as a table key. */
function keyOf({ words }: IpBits, prefix: number): string {
  let key = ''
  for (let i = 0; i < words.length; i++) key += `${maskWord(words[i]!, prefix - 32 * i)},`
  return key
}

function invalidRange(text: string): never {
  throw new ConfError(`invalid range "${text}"`)
}
