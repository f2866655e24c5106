/**
 * The system's `crypt`: hashes of `/etc/shadow` in all forms that its library knows (`$5$`, `$6$`, `$2y$`,
 * `$y$`, DES).
 *
 * These hashes are slow on purpose, so they are computed on threads of their own and never hold up the
 * event loop. A few at a time: more would only take the processor from what serves.
 */
import { createRequire } from 'node:module'
import type Koffi from 'koffi'

/** Called later, with `undefined` where the system cannot hash. */
export type CryptDone = (hashed: string | undefined) => void

interface Job {
  readonly password: string
  readonly setting: string
  readonly done: CryptDone
}

type Crypt = (
  password: string,
  setting: string,
  scratch: Buffer,
  done: (error: unknown, hashed: string | null) => void,
) => void

/** `struct crypt_data` of libxcrypt; older libraries have it larger by what this adds. */
const scratchBytes = 128 * 1024 + 1024
/** Hashes computed at one time. */
const threadsMax = 2
/** Names under which systems have the library. */
const libraries = ['libcrypt.so.1', 'libcrypt.so.2', 'libcrypt.so']

/** The library keeps state between calls in memory that its caller lends. */
const idle: Buffer[] = Array.from({ length: threadsMax }, () => Buffer.alloc(0))
/** Each job belongs to a request that waits, so that connections bound their number. */
const waiting: Job[] = []

let crypt: Crypt | undefined | 'not looked for' = 'not looked for'

/** Hashes a password as `setting`, a stored hash, was made. */
export function systemCrypt(password: string, setting: string, done: CryptDone): void {
  if (crypt === 'not looked for') crypt = bindCrypt()
  waiting.push({ password, setting, done })
  startWaiting()
}

function startWaiting(): void {
  if (crypt === undefined || crypt === 'not looked for') {
    for (const { done } of waiting.splice(0)) setImmediate(done, undefined)
    return
  }
  while (idle.length > 0 && waiting.length > 0) start(crypt, waiting.shift()!)
}

function start(run: Crypt, { password, setting, done }: Job): void {
  const kept = idle.pop()!
  const scratch = kept.length > 0 ? kept : Buffer.alloc(scratchBytes)
  run(password, setting, scratch, (error, hashed) => {
    // Held until here: the thread writes into it.
    idle.push(scratch)
    startWaiting()
    done(error === null && hashed !== null ? hashed : undefined)
  })
}

function bindCrypt(): Crypt | undefined {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi
  for (const name of libraries) {
    try {
      const call = koffi.load(name).func('const char *crypt_r(const char *, const char *, void *)')
      return call.async as Crypt
    } catch {
      // Not under this name.
    }
  }
  return undefined
}
