/**
 * The packets of MySQL's protocol that a login and one question need (protocol 4.1, as MySQL 5.5 and later
 * and MariaDB speak it).
 *
 * ```text
 *   packet      length (3 bytes, little-endian) · number · payload
 *   greeting    10 · version, 0 · thread (4) · nonce (8) · 0 · capabilities (2) · charset · status (2) ·
 *               capabilities (2) · nonce length · 10 zeros · nonce (12), 0 · plugin, 0
 *   error       255 · code (2) · "#" state (5) · text
 *   switch      254 · plugin, 0 · nonce, 0
 *   more        1 · what the plugin says
 * ```
 */
import { createHash } from 'node:crypto'
import { ProbeFailure } from './probe.ts'

export const capabilities = {
  longPassword: 0x1,
  connectWithDb: 0x8,
  protocol41: 0x200,
  ssl: 0x800,
  transactions: 0x2000,
  secureConnection: 0x8000,
  pluginAuth: 0x8_0000,
} as const

export const packetKinds = { ok: 0x00, more: 0x01, authSwitch: 0xfe, error: 0xff } as const

export const packetHeadBytes = 4
const packetBytesMax = 0x00ff_ffff
const utf8mb4 = 45
const nonceBytes = 20

export interface Greeting {
  readonly capabilities: number
  readonly nonce: Buffer
  readonly plugin: string
}

export interface Login {
  readonly user: string
  readonly db: string
  readonly plugin: string
  readonly answer: Buffer
}

export function encodePacket(number: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(packetHeadBytes)
  head.writeUIntLE(payload.length, 0, 3)
  head[3] = number & 0xff
  return Buffer.concat([head, payload])
}

/** Throws `ProbeFailure` when a server says no, or speaks another protocol. */
export function decodeGreeting(payload: Buffer): Greeting {
  refuseError(payload)
  const versionEnd = payload.indexOf(0, 1)
  // Up to the length of the nonce everything is there in each server of that protocol.
  const at = versionEnd + 1 + 4
  if (payload[0] !== 10 || versionEnd < 0 || payload.length < at + 31) {
    throw new ProbeFailure('unexpected answer')
  }
  const lower = payload.readUInt16LE(at + 9)
  const upper = payload.readUInt16LE(at + 14)
  const rest = payload.subarray(at + 27)
  const nonce = Buffer.concat([payload.subarray(at, at + 8), rest.subarray(0, nonceBytes - 8)])
  const plugin = textUntilZero(rest.subarray(nonceBytes - 8 + 1))
  return { capabilities: lower + upper * 0x1_0000, nonce, plugin }
}

/** What is sent in front of TLS, and the beginning of a login. */
export function encodeSslRequest(flags: number): Buffer {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32LE(flags >>> 0, 0)
  bytes.writeUInt32LE(packetBytesMax, 4)
  bytes[8] = utf8mb4
  return bytes
}

export function encodeLogin(flags: number, { user, db, plugin, answer }: Login): Buffer {
  return Buffer.concat([
    encodeSslRequest(flags),
    Buffer.from(`${user}\0`),
    Buffer.of(answer.length),
    answer,
    Buffer.from(db === '' ? '' : `${db}\0`),
    Buffer.from(`${plugin}\0`),
  ])
}

export function flagsFor(db: string, ssl: boolean): number {
  const { longPassword, protocol41, transactions, secureConnection, pluginAuth } = capabilities
  const always = longPassword | protocol41 | transactions | secureConnection | pluginAuth
  return always | (db === '' ? 0 : capabilities.connectWithDb) | (ssl ? capabilities.ssl : 0)
}

export function decodeAuthSwitch(payload: Buffer): Pick<Greeting, 'plugin' | 'nonce'> {
  const plugin = textUntilZero(payload.subarray(1))
  const start = 1 + Buffer.byteLength(plugin) + 1
  return { plugin, nonce: payload.subarray(start, start + nonceBytes) }
}

export function refuseError(payload: Buffer): void {
  if (payload[0] !== packetKinds.error) return
  const text = payload
    .subarray(3)
    .toString()
    .replace(/^#.{5}/, '')
  throw new ProbeFailure(`server error ${payload.readUInt16LE(1)}: ${text}`)
}

/** How a password is shown without being told. Throws `ProbeFailure` for a plugin that is not known. */
export function answerFor(plugin: string, password: string, nonce: Buffer): Buffer {
  if (plugin !== 'mysql_native_password' && plugin !== 'caching_sha2_password') {
    throw new ProbeFailure(`unknown authentication plugin "${plugin}"`)
  }
  if (password === '') return Buffer.alloc(0)
  const algorithm = plugin === 'mysql_native_password' ? 'sha1' : 'sha256'
  const digest = (...parts: readonly Buffer[]): Buffer =>
    createHash(algorithm).update(Buffer.concat(parts)).digest()
  const once = digest(Buffer.from(password))
  const twice = digest(once)
  const mask = algorithm === 'sha1' ? digest(nonce, twice) : digest(twice, nonce)
  return xor(once, mask)
}

export function xor(bytes: Buffer, mask: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, i) => byte ^ mask[i % mask.length]!))
}

function textUntilZero(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString('latin1')
}
