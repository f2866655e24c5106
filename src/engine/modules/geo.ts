/**
 * `geo [$address] $variable { … }`: a variable whose value depends on an address.
 *
 * ```text
 *   default value;      delete CIDR;      ranges;      volatile;
 *   10.1.0.0/16 value;                    the longest prefix that matches wins
 *   10.1.0.0-10.1.0.9 value;              with `ranges`: a range may lie within one that stands above it
 *   proxy CIDR;      proxy_recursive;     HTTP only: peers whose X-Forwarded-For is believed
 * ```
 *
 * Prefixes are kept in one table per length and looked up from the longest.
 */
import { isIPv4 } from 'node:net'
import { directives } from '../conf/block.ts'
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { BlockRow, Context } from '../core/module.ts'
import type { VariableHost } from '../core/variables.ts'
import { type Address, formatHost } from '../net/address.ts'
import type { AccessRule } from './access-rules.ts'
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
import { GeoRanges } from './geo-ranges.ts'

export interface GeoOptions {
  /** Variable that holds the client's address where the block names none, with its `$`. */
  readonly addressVariable: string
  /** Who the client is by what trusted proxies say; without it there are no `proxy` lines. */
  readonly forwarded?: ForwardedLookup
}

/** The address that a peer forwards for; `undefined` where it is not trusted or says nothing. */
export type ForwardedLookup = (
  host: VariableHost,
  peer: Address,
  trusted: readonly AccessRule[],
  recursive: boolean,
) => Address | undefined

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
  readonly ranges: boolean
  proxyRecursive = false
  /** Peers that are believed when they name the client. */
  readonly proxies: AccessRule[] = []
  readonly #v4 = new PrefixTable()
  readonly #v6 = new PrefixTable()
  readonly #ranges = new GeoRanges()

  constructor(ranges: boolean) {
    this.ranges = ranges
  }

  find(ip: IpBits | undefined): string {
    if (ip === undefined) return this.fallback
    const found = this.ranges ? this.#findRange(ip) : this.#table(ip).find(ip)
    return found ?? this.fallback
  }

  add(text: string, value: string, env: { warn(message: string): void }): void {
    if (this.ranges) {
      const before = this.#ranges.add({ ...parseRange(text), value })
      if (before === undefined) return
      env.warn(`duplicate range "${text}", value: "${value}", old value: "${before}"`)
      return
    }
    const cidr = parseNetwork(text, () => env.warn(`low address bits of ${text} are meaningless`))
    const before = this.#table(cidr).set(cidr.prefix, keyOf(cidr, cidr.prefix), value)
    if (before !== undefined) {
      const network = formatCidr(cidr)
      env.warn(`duplicate network "${network}", value: "${value}", old value: "${before}"`)
    }
  }

  delete(text: string): boolean {
    if (this.ranges) {
      const { from, to } = parseRange(text)
      return this.#ranges.delete(from, to)
    }
    const cidr = parseNetwork(text)
    return this.#table(cidr).delete(cidr.prefix, keyOf(cidr, cidr.prefix))
  }

  #table(ip: IpBits): PrefixTable {
    return ip.family === 4 ? this.#v4 : this.#v6
  }

  #findRange({ family, words }: IpBits): string | undefined {
    return family === 4 ? this.#ranges.find(words[0]!) : undefined
  }
}

function parseRange(text: string): { readonly from: number; readonly to: number } {
  const [first = '', last = '', ...more] = text.split('-')
  if (!isIPv4(first) || !isIPv4(last) || more.length > 0) invalidRange(text)
  const range = { from: ipv4Word(first), to: ipv4Word(last) }
  return range.from > range.to ? invalidRange(text) : range
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
  { addressVariable, forwarded }: GeoOptions,
): void {
  const children = [...directives(node.block!)]
  const geo = new Geo(children.some(({ name, args }) => name === 'ranges' && args.length === 0))
  for (const child of children) {
    session.attempt(child, () => {
      if (forwarded !== undefined && takeProxy(geo, child, (text) => session.warn(text, child)))
        return
      addEntry(geo, child, (text) => session.warn(text, child))
    })
  }
  const proxies = geo.proxies.length === 0 ? [] : [...geo.proxies, nobodyElse]
  session.attempt(node, () => {
    const [variable, address] = [
      node.args.at(-1)!,
      node.args.length === 2 ? node.args[0]! : addressVariable,
    ]
    const slot = variables.use(address, node)
    variables.define(variable, {
      get: (host: VariableHost) => {
        const text = host.get(slot) ?? ''
        const ip = parseIp(text)
        if (proxies.length === 0 || ip === undefined) return geo.find(ip)
        const peer: Address = { family: ip.family, host: text, port: 0 }
        const client = forwarded!(host, peer, proxies, geo.proxyRecursive)
        return geo.find(client === undefined ? ip : parseIp(formatHost(client)))
      },
      volatile: geo.volatile,
      changeable: true,
    })
  })
}

/** Peers that no line names are not believed. */
const nobodyElse: AccessRule = { allow: false, from: 'all' }

/** `proxy CIDR` and `proxy_recursive`; false for any other line. */
function takeProxy(geo: Geo, { name, args }: Directive, warn: (message: string) => void): boolean {
  if (name === 'proxy_recursive' && args.length === 0) {
    geo.proxyRecursive = true
    return true
  }
  const [text] = args
  if (name !== 'proxy' || args.length !== 1 || text === undefined) return false
  const from = parseNetwork(text, () => warn(`low address bits of ${text} are meaningless`))
  geo.proxies.push({ allow: true, from })
  return true
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
    const what = geo.ranges ? 'address range' : 'network'
    if (!geo.delete(value)) warn(`no ${what} "${value}" to delete`)
  } else geo.add(name, value, { warn })
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
