/**
 * Address ranges in CIDR notation, and matching addresses against them.
 *
 * An IP address is compared as bits: an IPv4 address as one unsigned number, an IPv6 address as four.
 * IPv4 addresses that arrive as IPv4-mapped IPv6 (`::ffff:1.2.3.4`) count as IPv4, as in nginx.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { ConfError } from '../conf/diagnostics.ts'

export interface IpBits {
  readonly family: 4 | 6
  /** One word for IPv4, four for IPv6, each unsigned. */
  readonly words: readonly number[]
}

export interface Cidr extends IpBits {
  readonly prefix: number
}

/** The bits of an address in text form; `undefined` for anything else. */
export function parseIp(text: string): IpBits | undefined {
  if (isIPv4(text)) return { family: 4, words: [ipv4Word(text)] }
  if (!isIPv6(text)) return undefined
  const words = ipv6Words(text)
  const mapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff
  return mapped ? { family: 4, words: [words[3]!] } : { family: 6, words }
}

/** Parses `10.0.0.0/8` or a single address; bits beyond the prefix are reported to `onLowBits` and cleared. */
export function parseCidr(text: string, onLowBits: () => void = () => {}): Cidr {
  const slash = text.indexOf('/')
  const address = slash < 0 ? text : text.slice(0, slash)
  const ip = isIPv6(address)
    ? { family: 6 as const, words: ipv6Words(address) }
    : isIPv4(address)
      ? { family: 4 as const, words: [ipv4Word(address)] }
      : invalid(text)
  const bits = ip.family === 4 ? 32 : 128
  const prefix = slash < 0 ? bits : parsePrefix(text.slice(slash + 1), bits, text)
  const words = ip.words.map((word, i) => maskWord(word, prefix - 32 * i))
  if (words.some((word, i) => word !== ip.words[i])) onLowBits()
  return Object.freeze({ family: ip.family, words: Object.freeze(words), prefix })
}

export function cidrContains(cidr: Cidr, ip: IpBits): boolean {
  if (cidr.family !== ip.family) return false
  const { words, prefix } = cidr
  for (let i = 0; i < words.length && 32 * i < prefix; i += 1) {
    if (maskWord(ip.words[i]!, prefix - 32 * i) !== words[i]) return false
  }
  return true
}

/** `10.0.0.0/8`, `2001:db8::/32` in full groups. */
export function formatCidr({ family, words, prefix }: Cidr): string {
  const address =
    family === 4
      ? [24, 16, 8, 0].map((shift) => (words[0]! >>> shift) & 0xff).join('.')
      : words
          .map((word) => `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`)
          .join(':')
  return `${address}/${prefix}`
}

/** The leading `bits` of a 32-bit word; anything at or below 0 leaves none. */
export function maskWord(word: number, bits: number): number {
  if (bits >= 32) return word
  return bits <= 0 ? 0 : (word & (-1 << (32 - bits))) >>> 0
}

export function ipv4Word(text: string): number {
  let word = 0
  for (const part of text.split('.')) word = word * 256 + Number(part)
  return word
}

function parsePrefix(text: string, bits: number, whole: string): number {
  if (isIPv4(text)) return maskToPrefix(ipv4Word(text), whole)
  const prefix = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN
  return prefix <= bits ? prefix : invalid(whole)
}

/** `255.255.0.0` → 16. */
function maskToPrefix(mask: number, whole: string): number {
  const prefix = Math.clz32(~mask)
  return maskWord(0xffff_ffff, prefix) === mask ? prefix : invalid(whole)
}

function ipv6Words(text: string): readonly number[] {
  const [address = ''] = text.split('%', 1)
  const [head = '', tail] = withoutDots(address).split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length
  const groups = [...front, ...Array<string>(zeros).fill('0'), ...back]
  return [0, 2, 4, 6].map((i) => parseInt(groups[i]!, 16) * 0x10000 + parseInt(groups[i + 1]!, 16))
}

/** Writes a dotted end (`::ffff:1.2.3.4`) as two groups. */
function withoutDots(address: string): string {
  if (!address.includes('.')) return address
  const colon = address.lastIndexOf(':') + 1
  const word = ipv4Word(address.slice(colon))
  return `${address.slice(0, colon)}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`
}

function invalid(text: string): never {
  throw new ConfError(`invalid parameter "${text}"`)
}
