/** Addresses of hosts as the bytes on the wire, and back to the text nginx prints (RFC 5952 for IPv6). */
import { isIPv4, isIPv6 } from 'node:net'

/** Four or sixteen bytes, or `undefined` when `host` is no address. */
export function hostToBytes(host: string): Uint8Array | undefined {
  if (isIPv4(host)) return Uint8Array.from(host.split('.'), Number)
  if (!isIPv6(host) || host.includes('%')) return undefined
  return ipv6Bytes(host)
}

const zero = 0x30
const nine = 0x39
const dot = 0x2e

/**
 * Writes the four bytes of an IPv4 address; false when `host` is none. For every connection that is
 * opened, so it walks over the text once and makes nothing.
 */
export function writeIpv4(bytes: Uint8Array, at: number, host: string): boolean {
  let part = 0
  let digits = 0
  let written = 0
  for (let i = 0; i <= host.length; i += 1) {
    const code = i === host.length ? dot : host.charCodeAt(i)
    if (code >= zero && code <= nine) {
      part = part * 10 + code - zero
      digits += 1
      // No leading zeros: some systems take them for octal numbers.
      if (part > 255 || digits > 3 || (digits > 1 && part < 10 ** (digits - 1))) return false
    } else {
      if (code !== dot || digits === 0 || written === 4) return false
      bytes[at + written] = part
      written += 1
      part = 0
      digits = 0
    }
  }
  return written === 4
}

function ipv6Bytes(host: string): Uint8Array {
  const [head, tail] = host.split('::', 2) as [string, string?]
  const front = groupBytes(head)
  const back = groupBytes(tail ?? '')
  const bytes = new Uint8Array(16)
  bytes.set(front, 0)
  bytes.set(back, 16 - back.length)
  return bytes
}

/** `2001:db8:1.2.3.4` → bytes; the text is known to be well-formed. */
function groupBytes(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

/** The text of four bytes at `at`. */
export function ipv4Text(bytes: Uint8Array, at: number): string {
  return `${bytes[at]!}.${bytes[at + 1]!}.${bytes[at + 2]!}.${bytes[at + 3]!}`
}

/** The text of sixteen bytes at `at`: the longest run of two or more zero groups becomes `::`. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push((bytes[at + i]! << 8) | bytes[at + i + 1]!)
  // ::ffff:a.b.c.d, an IPv4 client of an IPv6 socket.
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    return `::ffff:${ipv4Text(bytes, at + 12)}`
  }
  const run = longestZeroRun(groups)
  const text = (part: readonly number[]): string =>
    part.map((group) => group.toString(16)).join(':')
  if (run.length < 2) return text(groups)
  return `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0
    while (groups[start + length] === 0) length += 1
    if (length > best.length) best = { start, length }
  }
  return best
}
