/**
 * Identifiers of browsers: 16 bytes, as Base64 in a cookie and as hexadecimal words in logs.
 *
 * ```text
 *   v1   service · seconds · process · counter     each as this machine keeps numbers (little-endian)
 *   v2   service · seconds · process · counter     each in network order
 * ```
 */
import type { Address } from '../net/address.ts'
import { parseIp } from '../modules/cidr.ts'

export const userIdBytes = 16
/** Base64 of 16 bytes without its padding. */
export const userIdChars = 22

/** Where counters begin; a last word of 0 would mean "none". */
const firstV1 = 1
const firstV2 = 0x03030302
const counterStep = 0x100
const wordEnd = 0x1_0000_0000

let counterV1 = firstV1
let counterV2 = firstV2

/** Tells identifiers of processes apart that began in the same second. */
const processWord =
  ((Math.floor(((performance.timeOrigin * 1000) % 1_000_000) / 20) << 16) | process.pid) >>> 0

/** The identifier of a cookie; `undefined` where it is none. */
export function decodeUserId(cookie: string): Buffer | undefined {
  const text = cookie.slice(0, userIdChars)
  if (!/^[A-Za-z0-9+/]{22}$/.test(text)) return undefined
  return Buffer.from(text, 'base64')
}

/** `service` is taken from our own address where none is configured. */
export function createUserId(
  version: 'v1' | 'on',
  service: number | undefined,
  local: Address,
): Buffer {
  const id = Buffer.alloc(userIdBytes)
  const seconds = Math.floor(Date.now() / 1000)
  if (version === 'v1') {
    id.writeUInt32LE((service ?? 0) >>> 0, 0)
    id.writeUInt32LE(seconds, 4)
    id.writeUInt32LE(processWord, 8)
    id.writeUInt32LE(counterV1, 12)
    counterV1 = (counterV1 + counterStep) % wordEnd
    return id
  }
  id.writeUInt32BE((service ?? addressWord(local)) >>> 0, 0)
  id.writeUInt32BE(seconds, 4)
  id.writeUInt32BE(processWord, 8)
  id.writeUInt32BE(counterV2, 12)
  counterV2 = (counterV2 + counterStep) % wordEnd
  if (counterV2 < firstV2) counterV2 = firstV2
  return id
}

/** An IPv4 address, or the end of another. */
function addressWord(local: Address): number {
  return local.family === 'unix' ? 0 : (parseIp(local.host)?.words.at(-1) ?? 0)
}

/** Four words of eight digits, as logs have them. */
export function formatUserId(id: Buffer): string {
  return [0, 4, 8, 12]
    .map((at) => id.readUInt32LE(at).toString(16).toUpperCase().padStart(8, '0'))
    .join('')
}

/** What `formatUserId` has made. */
export function parseUserId(text: string): Buffer {
  const id = Buffer.alloc(userIdBytes)
  for (let word = 0; word < 4; word += 1) {
    id.writeUInt32LE(parseInt(text.slice(word * 8, word * 8 + 8), 16), word * 4)
  }
  return id
}

/** A word of 0 at the end stands for no identifier. */
export function isEmptyUserId(id: Buffer): boolean {
  return id.readUInt32LE(12) === 0
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
/** Past it the year is written with four digits. */
const shortYearMax = 2037

/** `Mon, 28-Sep-70 06:00:00 GMT`: the form of Netscape's cookies. */
export function cookieTime(ms: number): string {
  const date = new Date(ms)
  const year = date.getUTCFullYear()
  const shown = year > shortYearMax ? String(year) : two(year % 100)
  const day = `${two(date.getUTCDate())}-${months[date.getUTCMonth()]}-${shown}`
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':')
  return `${weekdays[date.getUTCDay()]}, ${day} ${clock} GMT`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
