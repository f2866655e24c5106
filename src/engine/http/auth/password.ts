/**
 * Passwords against what a file of users holds: `{PLAIN}`, `{SHA}`, `{SSHA}` (RFC 2307), `$apr1$`, `$1$`,
 * and whatever the system's `crypt` knows.
 */
import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { md5Crypt } from './md5-crypt.ts'
import { systemCrypt } from './system-crypt.ts'

/** `failed`: the hash could not be computed. */
export type Verdict = 'match' | 'mismatch' | 'failed'

const shaBytes = 20

/** Passwords that were found right, so that a slow hash is computed once and not for every request. */
const verifiedMax = 1024

/** Compares at once, or tells `later` when a slow hash is computed; then `undefined` is returned. */
export function verifyPassword(
  password: string,
  stored: string,
  later: (verdict: Verdict) => void,
): Verdict | undefined {
  if (stored.startsWith('{PLAIN}')) return compare(password, stored.slice(7))
  if (stored.startsWith('{SHA}')) return compareSha(password, stored.slice(5), 0)
  if (stored.startsWith('{SSHA}')) return compareSha(password, stored.slice(6), shaBytes)
  const digest = digestOf(password, stored)
  if (verified.has(digest)) return 'match'
  if (/^\$(?:apr1|1)\$/.test(stored)) {
    return remember(digest, compare(md5Crypt(password, stored), stored))
  }
  systemCrypt(password, stored, (hashed) =>
    later(hashed === undefined ? 'failed' : remember(digest, compare(hashed, stored))),
  )
  return undefined
}

/** In a time that tells nothing about where the two differ. */
function compare(ours: string, theirs: string): Verdict {
  const [a, b] = [hash('sha256', ours, 'buffer'), hash('sha256', theirs, 'buffer')]
  return timingSafeEqual(a, b) ? 'match' : 'mismatch'
}

/** `saltFrom`: where the salt begins behind the hash; 0 for none. */
function compareSha(password: string, stored: string, saltFrom: number): Verdict {
  const bytes = Buffer.from(stored, 'base64')
  if (bytes.length < shaBytes) return 'mismatch'
  const salt = saltFrom === 0 ? Buffer.alloc(0) : bytes.subarray(saltFrom)
  const ours = hash('sha1', Buffer.concat([Buffer.from(password), salt]), 'buffer')
  return timingSafeEqual(ours, bytes.subarray(0, shaBytes)) ? 'match' : 'mismatch'
}

/** Digests under a key of this process: what lies in memory cannot be tried against lists of passwords elsewhere. */
const verified = new Set<string>()
const digestKey = randomBytes(32)

function digestOf(password: string, stored: string): string {
  return createHmac('sha256', digestKey).update(stored).update('\0').update(password).digest('hex')
}

function remember(digest: string, verdict: Verdict): Verdict {
  if (verdict !== 'match') return verdict
  if (verified.size >= verifiedMax) verified.delete(verified.values().next().value!)
  verified.add(digest)
  return verdict
}
