/**
 * `/api/v1/config/http_dyn_bwlist`: who may ask (Annex B `helper_dyn_bwlist`).
 *
 * `allow` and `deny` are one list, in which the first line that fits decides. The interface has a list for each
 * family of addresses; what is set for one leaves the other as it is.
 */
import { isIPv4, isIPv6 } from 'node:net'
import type { Directive } from '../../conf/tree.ts'
import type { Declaration } from '../declaration.ts'
import type { Schema } from '../operation.ts'
import { locationDeclaration } from './located-declaration.ts'
import { fail } from './settings.ts'

interface Entry {
  readonly rule?: string
  readonly addr?: string
  /** `255.255.255.0`, or the length of the prefix. */
  readonly mask?: string
}

/** A line of the list; `unix:` stands for itself. */
interface Line {
  readonly rule: string
  readonly network: string
}

interface Family {
  readonly field: 'accessIpv4' | 'accessIpv6'
  /** Network of all addresses. */
  readonly all: string
  readonly bits: number
  readonly isAddress: (text: string) => boolean
  /** Words of the mask of so many bits. */
  readonly formatMask: (bits: number) => string
  /** Bits of a mask that is written as an address; `undefined` where they are not the first ones. */
  readonly parseMask: (text: string) => number | undefined
}

const octetBits = 8
const groupBits = 16

const ipv4: Family = {
  field: 'accessIpv4',
  all: '0.0.0.0/0',
  bits: 32,
  isAddress: isIPv4,
  formatMask: (bits) => maskParts(bits, 4, octetBits).join('.'),
  parseMask: (text) =>
    isIPv4(text) ? leadingBits(text.split('.').map(Number), octetBits) : undefined,
}

const ipv6: Family = {
  field: 'accessIpv6',
  all: '::/0',
  bits: 128,
  isAddress: isIPv6,
  formatMask: (bits) =>
    maskParts(bits, 8, groupBits)
      .map((part) => part.toString(16))
      .join(':')
      .replace(/(?:^0|:0)(?::0)*$/, '::'),
  parseMask: (text) => (isIPv6(text) ? leadingBits(groupsOf(text), groupBits) : undefined),
}

const entries: Schema = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      rule: { type: 'string', enum: ['allow', 'deny'] },
      addr: { type: 'string', examples: ['192.168.0.0'] },
      mask: { type: 'string', examples: ['255.255.255.0'] },
    },
    required: ['rule', 'addr'],
  },
}

export const httpAccessLists: Declaration = locationDeclaration({
  key: 'http_dyn_bwlist',
  fields: { accessIpv4: entries, accessIpv6: entries },
  read: (at) => {
    const lines = at.inForce('allow', 'deny').flatMap(toLines)
    return { accessIpv4: lines.flatMap(entryOf(ipv4)), accessIpv6: lines.flatMap(entryOf(ipv6)) }
  },
  write: (fields, at) => {
    const now = at.inForce('allow', 'deny').flatMap(toLines)
    const lists = [ipv4, ipv6].map((family) => {
      const given = fields[family.field] as readonly Entry[] | undefined
      return given?.map((entry) => lineOf(entry, family)) ?? now.filter(isOf(family))
    })
    const sockets = now.filter(({ network }) => network === 'unix:')
    return [{ target: 'allow', directives: [...lists, sockets].flat().map(toWords) }]
  },
})

/** `all` is a line for each family, and for sockets of the system. */
function toLines({ name, args: [network = ''] }: Directive): readonly Line[] {
  const networks = network === 'all' ? [ipv4.all, ipv6.all, 'unix:'] : [network]
  return networks.map((one) => ({ rule: name, network: one }))
}

function toWords({ rule, network }: Line): readonly string[] {
  return [rule, network]
}

function isOf(family: Family): (line: Line) => boolean {
  return ({ network }) => network !== 'unix:' && network.includes(':') === (family === ipv6)
}

function entryOf(family: Family): (line: Line) => readonly Entry[] {
  const belongs = isOf(family)
  return (line) => {
    if (!belongs(line)) return []
    const [addr = '', bits = String(family.bits)] = line.network.split('/')
    return [{ rule: line.rule, addr, mask: family.formatMask(Number(bits)) }]
  }
}

function lineOf({ rule = '', addr = '', mask }: Entry, family: Family): Line {
  if (!family.isAddress(addr)) fail(` addr "${addr}" is no address of ${family.field}`)
  const bits = mask === undefined || mask === '' ? family.bits : bitsOf(mask, family)
  if (bits === undefined) fail(` mask "${mask}" is no mask of ${family.field}`)
  return { rule, network: `${addr}/${bits}` }
}

function bitsOf(mask: string, { bits, parseMask }: Family): number | undefined {
  if (!/^\d{1,3}$/.test(mask)) return parseMask(mask)
  return Number(mask) <= bits ? Number(mask) : undefined
}

function maskParts(bits: number, count: number, size: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => {
    const ones = Math.min(Math.max(bits - i * size, 0), size)
    return 2 ** size - 2 ** (size - ones)
  })
}

function leadingBits(parts: readonly number[], size: number): number | undefined {
  const text = parts.map((part) => part.toString(2).padStart(size, '0')).join('')
  return /^(1*)0*$/.exec(text)?.[1]?.length
}

/** The eight groups of an address. */
function groupsOf(text: string): readonly number[] {
  const [head = '', tail] = text.split('::')
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const front = parse(head)
  const back = tail === undefined ? [] : parse(tail)
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => 0)
  return tail === undefined ? front : [...front, ...zeros, ...back]
}
