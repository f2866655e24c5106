/**
 * The PROXY protocol, versions 1 and 2: a proxy tells the address of its client before anything else.
 * Source: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 *
 * ```text
 *   v1   PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n               at most 107 bytes
 *   v2   \r\n\r\n\0\r\nQUIT\n · version|command:1 · family|transport:1 · length:2 · addresses · TLVs
 * ```
 */
import { isIPv4, isIPv6 } from 'node:net'
import type { Address, InetAddress } from './address.ts'
import { hostToBytes, ipv4Text, ipv6Text } from './ip-bytes.ts'

/** §2.1: the longest line there is, with CR LF. */
const v1BytesMax = 107
const v2HeaderBytes = 16
/** Addresses and TLVs; nginx takes 4096 with its header. */
const v2BodyBytesMax = 4080
export const proxyHeaderBytesMax: number = v2HeaderBytes + v2BodyBytesMax

const v1Prefix: Buffer = Buffer.from('PROXY ')
const v2Signature: Buffer = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

const commandLocal = 0x20
const commandProxy = 0x21
const familyInet = 0x10
const familyInet6 = 0x20
const familyUnix = 0x30
const unixPathBytes = 108

export interface ProxyHeader {
  readonly version: 1 | 2
  /** Undefined for LOCAL and UNKNOWN: the connection speaks for itself. */
  readonly source: Address | undefined
  readonly destination: Address | undefined
  /** Of version 2, by type, in order. */
  readonly tlvs: readonly Tlv[]
  /** Bytes the header took; the stream begins after them. */
  readonly length: number
}

export interface Tlv {
  readonly type: number
  readonly value: Buffer
}

export interface ProxyHeaderFault {
  /** In nginx's words: `broken header: "…" while reading PROXY protocol`. */
  readonly fault: string
}

/** Reads the header at the start of `bytes`; `incomplete` while more may make it one. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | ProxyHeaderFault | 'incomplete' {
  if (startsLike(bytes, v2Signature)) {
    return bytes.length < v2HeaderBytes ? 'incomplete' : parseV2(bytes)
  }
  return startsLike(bytes, v1Prefix) ? parseV1(bytes) : broken(bytes)
}

/** True when `bytes` agrees with `prefix` as far as both go. */
function startsLike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length)
  return bytes.compare(prefix, 0, length, 0, length) === 0
}

function broken(bytes: Buffer): ProxyHeaderFault {
  const line = bytes.toString('latin1', 0, Math.min(bytes.length, v1BytesMax))
  const printable = line.replaceAll(/[^\x20-\x7e]/g, '.')
  return { fault: `broken header: "${printable}" while reading PROXY protocol` }
}

/* Version 1 */

function parseV1(bytes: Buffer): ProxyHeader | ProxyHeaderFault | 'incomplete' {
  const end = bytes.subarray(0, v1BytesMax).indexOf('\r\n')
  if (end === -1) return bytes.length < v1BytesMax ? 'incomplete' : broken(bytes)
  const length = end + 2
  const words = bytes.toString('latin1', 0, end).split(' ')
  // §2.1: whatever follows UNKNOWN is ignored.
  if (words[1] === 'UNKNOWN') {
    return { version: 1, source: undefined, destination: undefined, tlvs: [], length }
  }
  const family = words[1] === 'TCP4' ? 4 : words[1] === 'TCP6' ? 6 : undefined
  if (family === undefined || words.length !== 6) return broken(bytes)
  const source = inetFrom(family, words[2]!, words[4]!)
  const destination = inetFrom(family, words[3]!, words[5]!)
  if (source === undefined || destination === undefined) return broken(bytes)
  return { version: 1, source, destination, tlvs: [], length }
}

function inetFrom(family: 4 | 6, host: string, port: string): InetAddress | undefined {
  const valid = family === 4 ? isIPv4(host) : isIPv6(host) && !host.includes('%')
  if (!valid || !/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65535) return undefined
  return { family, host, port: Number(port) }
}

/**
 * The line for a connection from `source` to `destination`. Where they have no common family, or are no
 * TCP addresses, `PROXY UNKNOWN` as nginx writes it.
 */
export function writeProxyV1(source: Address, destination: Address): Buffer {
  if (source.family === 'unix' || destination.family !== source.family) {
    return Buffer.from('PROXY UNKNOWN\r\n')
  }
  const { family, host, port } = source
  return Buffer.from(
    `PROXY TCP${family} ${host} ${destination.host} ${port} ${destination.port}\r\n`,
  )
}

/* Version 2 */

function parseV2(bytes: Buffer): ProxyHeader | ProxyHeaderFault | 'incomplete' {
  const command = bytes[12]!
  const bodyBytes = bytes.readUInt16BE(14)
  if (command >> 4 !== 2) return v2Fault(`unknown PROXY protocol version: ${command >> 4}`)
  if (bodyBytes > v2BodyBytesMax) return v2Fault('PROXY protocol header is too long')
  if (bytes.length < v2HeaderBytes + bodyBytes) return 'incomplete'
  const body = bytes.subarray(v2HeaderBytes, v2HeaderBytes + bodyBytes)
  const length = v2HeaderBytes + bodyBytes
  if (command === commandLocal) {
    return { version: 2, source: undefined, destination: undefined, tlvs: [], length }
  }
  if (command !== commandProxy) {
    return v2Fault(`unsupported PROXY protocol command: ${command & 0xf}`)
  }
  return parseV2Body(bytes[13]!, body, length)
}

function parseV2Body(kind: number, body: Buffer, length: number): ProxyHeader | ProxyHeaderFault {
  const addresses = parseV2Addresses(kind & 0xf0, body)
  if (addresses === undefined) return v2Fault('header with PROXY protocol v2 is too short')
  const tlvs = parseTlvs(body, addresses.bytes)
  if (tlvs === undefined) return v2Fault('broken PROXY protocol TLV')
  const { source, destination } = addresses
  return { version: 2, source, destination, tlvs, length }
}

interface V2Addresses {
  readonly source: Address | undefined
  readonly destination: Address | undefined
  /** Where the TLVs begin. */
  readonly bytes: number
}

function parseV2Addresses(family: number, body: Buffer): V2Addresses | undefined {
  if (family === familyInet) return parseV2Inet(body, 4, 4, ipv4Text)
  if (family === familyInet6) return parseV2Inet(body, 6, 16, ipv6Text)
  if (family === familyUnix) return parseV2Unix(body)
  // §2.2: of an unknown family nothing is known, not even where TLVs would begin.
  return { source: undefined, destination: undefined, bytes: body.length }
}

function parseV2Inet(
  body: Buffer,
  family: 4 | 6,
  size: number,
  text: (bytes: Uint8Array, at: number) => string,
): V2Addresses | undefined {
  const bytes = 2 * size + 4
  if (body.length < bytes) return undefined
  return {
    source: { family, host: text(body, 0), port: body.readUInt16BE(2 * size) },
    destination: { family, host: text(body, size), port: body.readUInt16BE(2 * size + 2) },
    bytes,
  }
}

function parseV2Unix(body: Buffer): V2Addresses | undefined {
  if (body.length < 2 * unixPathBytes) return undefined
  const path = (at: number): Address => ({
    family: 'unix',
    path: body.toString('latin1', at, at + unixPathBytes).replace(/\0.*$/s, ''),
  })
  return { source: path(0), destination: path(unixPathBytes), bytes: 2 * unixPathBytes }
}

function parseTlvs(body: Buffer, from: number): readonly Tlv[] | undefined {
  const tlvs: Tlv[] = []
  let at = from
  while (at < body.length) {
    if (at + 3 > body.length) return undefined
    const end = at + 3 + body.readUInt16BE(at + 1)
    if (end > body.length) return undefined
    tlvs.push({ type: body[at]!, value: Buffer.from(body.subarray(at + 3, end)) })
    at = end
  }
  return tlvs
}

function v2Fault(what: string): ProxyHeaderFault {
  return { fault: `${what} while reading PROXY protocol` }
}

/** A version 2 header with its TLVs; LOCAL where the addresses have no common inet family. */
export function writeProxyV2(
  source: Address,
  destination: Address,
  tlvs: readonly Tlv[] = [],
  transport: 'tcp' | 'udp' = 'tcp',
): Buffer {
  const inet = source.family !== 'unix' && destination.family === source.family
  const addresses = inet ? v2Inet(source, destination) : Buffer.alloc(0)
  const values = inet ? tlvs.map(encodeTlv) : []
  const body = Buffer.concat([addresses, ...values])
  if (body.length > v2BodyBytesMax) throw new RangeError('PROXY protocol header is too long')
  const header = Buffer.alloc(v2HeaderBytes)
  v2Signature.copy(header)
  header[12] = inet ? commandProxy : commandLocal
  if (inet) {
    header[13] = (source.family === 4 ? familyInet : familyInet6) | (transport === 'tcp' ? 1 : 2)
  }
  header.writeUInt16BE(body.length, 14)
  return Buffer.concat([header, body])
}

function v2Inet(source: InetAddress, destination: InetAddress): Buffer {
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(source.port, 0)
  ports.writeUInt16BE(destination.port, 2)
  return Buffer.concat([hostBytes(source), hostBytes(destination), ports])
}

function hostBytes({ host }: InetAddress): Uint8Array {
  const bytes = hostToBytes(host)
  if (bytes === undefined) throw new TypeError(`invalid address "${host}"`)
  return bytes
}

function encodeTlv({ type, value }: Tlv): Buffer {
  const header = Buffer.from([type, 0, 0])
  header.writeUInt16BE(value.length, 1)
  return Buffer.concat([header, value])
}
