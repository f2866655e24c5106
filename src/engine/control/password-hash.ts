/**
 * Hashes of passwords as the system's `crypt` makes them, so that everything which reads `/etc/shadow` can
 * check them: yescrypt (scrypt made harder) where the system knows it, else SHA-512.
 */
import { randomInt } from 'node:crypto'
import { systemCrypt } from '../http/auth/system-crypt.ts'

/** Six bits a character, in the order of `crypt`. */
const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Sixteen bytes of salt: the last character has two bits of them. */
const saltChars = 21
const lastCharValues = 4

const shaSaltChars = 16

/** Memory and rounds of what Debian gives new users. */
const yescrypt = '$y$j9T$'
const sha512 = '$6$'

/** `undefined` where the system cannot hash at all. */
export async function hashPassword(password: string): Promise<string | undefined> {
  const strong = `${yescrypt}${randomSalt(saltChars)}${alphabet[randomInt(lastCharValues)]}`
  return (
    (await crypt(password, strong)) ??
    (await crypt(password, `${sha512}${randomSalt(shaSaltChars)}`))
  )
}

function randomSalt(chars: number): string {
  return Array.from({ length: chars }, () => alphabet[randomInt(alphabet.length)]).join('')
}

/** `undefined` where the system does not know that form; the library says so by a star in front. */
function crypt(password: string, setting: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    systemCrypt(password, setting, (hashed) => {
      resolve(hashed?.startsWith(setting) === true ? hashed : undefined)
    })
  })
}
