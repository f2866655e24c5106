/**
 * The password hash of Poul-Henning Kamp's `crypt` (`$1$`) and of Apache (`$apr1$`): the same thousand
 * rounds of MD5, told apart by their names alone.
 */
import { hash } from 'node:crypto'

/** Rounds that make guessing slow; a part of the format. */
const rounds = 1000
const saltCharsMax = 8

/** Six bits a character, the lowest first. */
const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Bytes of the digest that make four characters each; what is left over makes two. */
const groups: readonly (readonly [number, number, number])[] = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
]
const leftOver = 11

/** Hashes a password as a stored hash was made: `setting` is that hash, or as much of it as holds the salt. */
export function md5Crypt(password: string, setting: string): string {
  const magic = setting.startsWith('$apr1$') ? '$apr1$' : '$1$'
  const [salt = ''] = setting.slice(magic.length).split('$', 1)
  const used = salt.slice(0, saltCharsMax)
  const digest = stretch(Buffer.from(password), Buffer.from(used), Buffer.from(magic))
  return `${magic}${used}$${encode(digest)}`
}

function md5(parts: readonly Uint8Array[]): Buffer {
  return hash('md5', Buffer.concat(parts), 'buffer')
}

function stretch(key: Buffer, salt: Buffer, magic: Buffer): Buffer {
  let digest = firstDigest(key, salt, magic)
  for (let round = 0; round < rounds; round += 1) {
    const odd = round % 2 === 1
    const parts = [odd ? key : digest]
    if (round % 3 !== 0) parts.push(salt)
    if (round % 7 !== 0) parts.push(key)
    parts.push(odd ? digest : key)
    digest = md5(parts)
  }
  return digest
}

function firstDigest(key: Buffer, salt: Buffer, magic: Buffer): Buffer {
  const mixed = md5([key, salt, key])
  const parts: Uint8Array[] = [key, magic, salt]
  for (let left = key.length; left > 0; left -= mixed.length) {
    parts.push(mixed.subarray(0, Math.min(left, mixed.length)))
  }
  // Bits of the length choose between a zero and the first byte of the key.
  for (let bits = key.length; bits > 0; bits >>= 1) {
    parts.push(bits % 2 === 1 ? Buffer.of(0) : key.subarray(0, 1))
  }
  return md5(parts)
}

function encode(digest: Buffer): string {
  const words = groups.map(([high, middle, low]) =>
    characters((digest[high]! << 16) | (digest[middle]! << 8) | digest[low]!, 4),
  )
  return words.join('') + characters(digest[leftOver]!, 2)
}

function characters(bits: number, count: number): string {
  let text = ''
  for (let i = 0; i < count; i += 1) text += alphabet[(bits >> (6 * i)) & 0x3f]
  return text
}
