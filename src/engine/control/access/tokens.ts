/**
 * Tokens: JSON Web Tokens under a key of this installation, and a list of those that were given out.
 *
 * ```text
 *   data/access/token.key    made at the first start, for this user's eyes only
 *   data/access/tokens.db    token/ID → name, grant, times: what is not in it is revoked
 * ```
 *
 * A token is good while its signature is, its time is not over, and it stands in the list.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errors, jwtVerify, SignJWT } from 'jose'
import { SqliteStore } from '../../store/sqlite-store.ts'
import { tokenIdBytes, tokenKeyBytes, tokensMax } from '../limits.ts'
import type { Grant } from './grant.ts'

const algorithm = 'HS256'
const issuer = 'trijet'
const keyPrefix = 'token/'

export interface TokenRecord extends Grant {
  readonly id: string
  readonly name: string
  /** ISO 8601, UTC. */
  readonly created: string
  readonly expires: string | null
  /** Who asked for it. */
  readonly createdBy: string
}

export interface NewToken extends Grant {
  readonly name: string
  readonly lifetimeMs: number | undefined
  readonly createdBy: string
}

export class TokenError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'TokenError'
  }
}

export class Tokens {
  readonly #key: Uint8Array
  readonly #store: SqliteStore
  readonly #now: () => number
  readonly #records = new Map<string, TokenRecord>()

  /** Opens those of an installation; `now` is in milliseconds since 1970. */
  constructor(prefix: string, now: () => number = Date.now) {
    const folder = join(prefix, 'data/access')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#now = now
    this.#key = readOrMakeKey(join(folder, 'token.key'))
    this.#store = new SqliteStore(join(folder, 'tokens.db'))
    for (const { value } of this.#store.rangeSync(keyPrefix).entries) {
      const record = JSON.parse(Buffer.from(value).toString()) as TokenRecord
      this.#records.set(record.id, record)
    }
  }

  /** All that are good, the oldest first. */
  list(): readonly TokenRecord[] {
    return [...this.#records.values()]
      .filter((record) => !this.#isOver(record))
      .toSorted((a, b) => a.created.localeCompare(b.created) || a.name.localeCompare(b.name))
  }

  /** The token itself is shown this once: only its record is kept. @throws TokenError */
  async create(
    wanted: NewToken,
  ): Promise<{ readonly record: TokenRecord; readonly token: string }> {
    await this.#dropOver()
    if (this.#records.size >= tokensMax) {
      throw new TokenError(`there are ${tokensMax} tokens already`)
    }
    const { name, scope, paths, methods, lifetimeMs, createdBy } = wanted
    const id = randomBytes(tokenIdBytes).toString('base64url')
    const created = Math.floor(this.#now() / 1000)
    const expires = lifetimeMs === undefined ? undefined : created + Math.ceil(lifetimeMs / 1000)
    const record: TokenRecord = {
      id,
      name,
      scope,
      paths,
      methods,
      created: toIso(created),
      expires: expires === undefined ? null : toIso(expires),
      createdBy,
    }
    const signing = new SignJWT({ scope })
      .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
      .setIssuer(issuer)
      .setSubject(name)
      .setJti(id)
      .setIssuedAt(created)
    if (expires !== undefined) signing.setExpirationTime(expires)
    const token = await signing.sign(this.#key)
    await this.#store.commit([
      { kind: 'put', key: `${keyPrefix}${id}`, value: JSON.stringify(record) },
    ])
    this.#records.set(id, record)
    return { record, token }
  }

  /** The record of a good token. @throws TokenError */
  async verify(token: string): Promise<TokenRecord> {
    const currentDate = new Date(this.#now())
    try {
      const options = { algorithms: [algorithm], issuer, currentDate }
      const { payload } = await jwtVerify(token, this.#key, options)
      const record = this.#records.get(payload.jti ?? '')
      if (record !== undefined && !this.#isOver(record)) return record
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new TokenError('the token has expired')
      if (!(error instanceof errors.JOSEError)) throw error
      throw new TokenError('the token is none of this installation')
    }
    throw new TokenError('the token was revoked')
  }

  /** False when there is no such token. */
  async revoke(id: string): Promise<boolean> {
    if (!this.#records.has(id)) return false
    await this.#store.commit([{ kind: 'delete', key: `${keyPrefix}${id}` }])
    return this.#records.delete(id)
  }

  async close(): Promise<void> {
    await this.#store.close()
  }

  #isOver({ expires }: TokenRecord): boolean {
    return expires !== null && Date.parse(expires) <= this.#now()
  }

  async #dropOver(): Promise<void> {
    const over = [...this.#records.values()].filter((record) => this.#isOver(record))
    await Promise.all(over.map(({ id }) => this.revoke(id)))
  }
}

function readOrMakeKey(path: string): Uint8Array {
  try {
    writeFileSync(path, `${randomBytes(tokenKeyBytes).toString('base64url')}\n`, {
      mode: 0o600,
      flag: 'wx',
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64url')
  if (key.length < tokenKeyBytes) throw new Error(`"${path}" holds no key of tokens`)
  return key
}

function toIso(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
