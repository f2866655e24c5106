/**
 * Password files as `mosquitto_passwd` writes them, one user a line:
 *
 * ```text
 *   name:$7$ITERATIONS$SALT$HASH    PBKDF2 with SHA-512
 *   name:$6$SALT$HASH               SHA-512 of password and salt (mosquitto before 2.0)
 * ```
 */
import { createHash, pbkdf2, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { ConfError } from '../../conf/diagnostics.ts'

const derive = promisify(pbkdf2)

export const passwordLimits = {
  /** What mosquitto writes is 101; above this a log-in would be an attack on ourselves. */
  iterationsMax: 10_000_000,
} as const

interface Secret {
  /** 0: a single SHA-512. */
  readonly iterations: number
  readonly salt: Buffer
  readonly hash: Buffer
}

/** Compared for unknown users, so that they take as long as known ones. */
const nobody: Secret = { iterations: 101, salt: Buffer.alloc(12), hash: Buffer.alloc(64) }

export class Passwords {
  readonly #secrets: ReadonlyMap<string, Secret>

  constructor(file: string) {
    this.#secrets = new Map(readSecrets(readFileSync(file, 'utf8'), file))
  }

  async verify(user: string, password: Uint8Array): Promise<boolean> {
    const secret = this.#secrets.get(user)
    const { iterations, salt, hash } = secret ?? nobody
    const given =
      iterations === 0
        ? createHash('sha512').update(password).update(salt).digest()
        : await derive(password, salt, iterations, hash.length, 'sha512')
    return timingSafeEqual(given, hash) && secret !== undefined
  }
}

function* readSecrets(text: string, file: string): Iterable<[user: string, Secret]> {
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#')) continue
    const [, user, kind, parameters = ''] = /^([^:]+):\$([67])\$(.+)$/.exec(line) ?? []
    const parts = parameters.split('$')
    const secret = kind === '7' ? toSecret(parts) : toSecret(['0', ...parts])
    if (user === undefined || secret === undefined) {
      throw new ConfError(`invalid password line in ${file}:${index + 1}`)
    }
    yield [user, secret]
  }
}

function toSecret([count = '', salt = '', hash = '']: readonly string[]): Secret | undefined {
  const iterations = Number(count)
  const bytes = Buffer.from(hash, 'base64')
  const fits = /^\d+$/.test(count) && iterations <= passwordLimits.iterationsMax
  if (!fits || bytes.length !== 64) return undefined
  return { iterations, salt: Buffer.from(salt, 'base64'), hash: bytes }
}
