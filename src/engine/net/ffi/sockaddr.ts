/**
 * `struct sockaddr` of the three families, in an arena.
 *
 * ```text
 *   in    family:2 port:2(BE) address:4 zero:8                         16 bytes
 *   in6   family:2 port:2(BE) flow:4 address:16 scope:4                28 bytes
 *   un    family:2 path…                                           up to 110 bytes
 * ```
 */
import type { Address } from '../address.ts'
import { hostToBytes, ipv4Text, ipv6Text, writeIpv4 } from '../ip-bytes.ts'
import { AF_INET, AF_INET6, AF_UNIX } from './constants.ts'

/** Room for any of them. */
export const sockaddrBytesMax = 128
export const sockaddrInBytes = 16
export const sockaddrIn6Bytes = 28
/** `sun_path` holds 108 bytes, the last of them zero. */
export const unixPathBytesMax = 107

/** Writes an address at `at`; returns its length. Throws where the address has no such form. */
export function encodeSockaddr(bytes: Buffer, at: number, address: Address): number {
  if (address.family === 'unix') return encodeUnix(bytes, at, address.path)
  const length = address.family === 4 ? sockaddrInBytes : sockaddrIn6Bytes
  bytes.fill(0, at, at + length)
  bytes[at] = address.family === 4 ? AF_INET : AF_INET6
  bytes[at + 2] = address.port >> 8
  bytes[at + 3] = address.port & 0xff
  const written =
    address.family === 4
      ? writeIpv4(bytes, at + 4, address.host)
      : writeIpv6(bytes, at + 8, address.host)
  if (!written) throw new TypeError(`invalid IPv${address.family} address "${address.host}"`)
  return length
}

function writeIpv6(bytes: Buffer, at: number, host: string): boolean {
  const wanted = hostToBytes(host)
  if (wanted?.length !== 16) return false
  bytes.set(wanted, at)
  return true
}

function encodeUnix(bytes: Buffer, at: number, path: string): number {
  const text = Buffer.from(path)
  if (text.length > unixPathBytesMax) throw new TypeError(`too long path in "unix:${path}"`)
  bytes.writeUInt16LE(AF_UNIX, at)
  text.copy(bytes, at + 2)
  bytes[at + 2 + text.length] = 0
  return 2 + text.length + 1
}

/** Reads the address of `length` bytes at `at`. A unix socket without a name has the path ''. */
export function decodeSockaddr(bytes: Buffer, at: number, length: number): Address {
  const family = length >= 2 ? bytes.readUInt16LE(at) : AF_UNIX
  if (family === AF_INET) {
    return { family: 4, host: ipv4Text(bytes, at + 4), port: bytes.readUInt16BE(at + 2) }
  }
  if (family === AF_INET6) {
    return { family: 6, host: ipv6Text(bytes, at + 8), port: bytes.readUInt16BE(at + 2) }
  }
  const path = bytes.toString('utf8', at + 2, Math.max(at + 2, at + length))
  const end = path.indexOf('\0')
  return { family: 'unix', path: end === -1 ? path : path.slice(0, end) }
}

/** The kernel's number for an address family. */
export function familyOf(address: Address): number {
  if (address.family === 'unix') return AF_UNIX
  return address.family === 4 ? AF_INET : AF_INET6
}
