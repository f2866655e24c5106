/** OpenSSL's names of cipher suites and groups by their numbers; what has no name here is printed as a number. */
import { openssl } from '../net/openssl/libssl.ts'

const curves: Readonly<Record<number, string>> = {
  0x0017: 'prime256v1',
  0x0018: 'secp384r1',
  0x0019: 'secp521r1',
  0x001d: 'X25519',
  0x001e: 'X448',
  0x0100: 'ffdhe2048',
  0x0101: 'ffdhe3072',
  0x0102: 'ffdhe4096',
  0x0103: 'ffdhe6144',
  0x0104: 'ffdhe8192',
  0x11ec: 'X25519MLKEM768',
}

export function cipherName(number: number): string {
  const known = cipherNames.get(number)
  if (known !== undefined) return known
  const name = findCipher(number) ?? hex(number)
  cipherNames.set(number, name)
  return name
}

/** At most 65,536: numbers have two bytes. */
const cipherNames = new Map<number, string>()
let asked = 0

/** OpenSSL looks a suite up for a connection; one that never speaks will do. */
function findCipher(number: number): string | undefined {
  const ssl = openssl()
  if (asked === 0) asked = ssl.SSL_new(ssl.SSL_CTX_new(ssl.TLS_method()))
  const cipher = ssl.SSL_CIPHER_find(asked, Buffer.of(number >> 8, number & 0xff))
  return cipher === 0 ? undefined : (ssl.SSL_CIPHER_get_name(cipher) ?? undefined)
}

export function curveName(number: number): string {
  return curves[number] ?? hex(number)
}

function hex(number: number): string {
  return `0x${number.toString(16).padStart(4, '0')}`
}
