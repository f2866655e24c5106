/**
 * A server that speaks MySQL's protocol as far as a login and one question go: each way of logging in, and
 * each way of refusing.
 */
import { createHash, createPrivateKey, privateDecrypt, randomBytes, constants } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import type { Certificate } from './certificates.ts'
import { onEnd, type Owner } from './scope.ts'

export interface MysqlAccount {
  readonly user: string
  readonly password: string
  readonly db: string
  readonly plugin: 'mysql_native_password' | 'caching_sha2_password'
  /** False: the server asks for the password itself, as it does once after its start. */
  readonly cached?: boolean
  /** What the greeting names; another plugin than the account's leads to a switch. */
  readonly greets?: string
}

export interface MysqlDouble {
  readonly port: number
  /** Questions that were asked, and how many logins were made by TLS. */
  readonly questions: readonly string[]
  readonly secured: number
}

const flags = { db: 0x8, ssl: 0x800 } as const
/** Protocol 4.1, secure connections, plugins, transactions, long passwords. */
const offered = 0x8_a209

export async function startMysqlDouble(
  owner: Owner,
  account: MysqlAccount,
  certificate?: Certificate,
): Promise<MysqlDouble> {
  const questions: string[] = []
  let secured = 0
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    const session = new Session(socket, account, certificate)
    session
      .serve((question) => questions.push(question))
      .then(() => (secured += session.isSecured ? 1 : 0))
      .catch(() => undefined)
      .finally(() => session.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(owner, () => void server.close())
  return {
    port: (server.address() as AddressInfo).port,
    questions,
    get secured() {
      return secured
    },
  }
}

class Session {
  isSecured = false
  #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #number = 0
  #nonce: Buffer = randomNonce()
  readonly #account: MysqlAccount
  readonly #certificate: Certificate | undefined

  constructor(socket: Socket, account: MysqlAccount, certificate: Certificate | undefined) {
    this.#socket = socket
    this.#account = account
    this.#certificate = certificate
  }

  end(): void {
    this.#socket.end()
  }

  async serve(onQuestion: (text: string) => void): Promise<void> {
    this.#greet()
    let login = await this.#read()
    if (this.#certificate !== undefined && login.length === 32) {
      await this.#secure(this.#certificate)
      login = await this.#read()
    }
    if (!(await this.#admit(login))) return this.#refuse(1045, '28000', 'Access denied')
    this.#write(Buffer.from([0, 0, 0, 2, 0, 0, 0]))
    for (;;) {
      const command = await this.#read()
      if (command[0] !== 3) return undefined
      const text = command.subarray(1).toString()
      onQuestion(text)
      if (text.includes('nowhere')) this.#refuse(1146, '42S02', `Table 'nowhere' doesn't exist`)
      else this.#write(Buffer.from([1]))
    }
  }

  #greet(): void {
    const { plugin, greets = plugin } = this.#account
    const bits = offered | (this.#certificate === undefined ? 0 : flags.ssl)
    const [lower, upper] = [bits & 0xffff, bits >>> 16]
    const tail = Buffer.alloc(9)
    tail.writeUInt16LE(lower, 0)
    tail[2] = 45
    tail.writeUInt16LE(2, 3)
    tail.writeUInt16LE(upper, 5)
    tail[7] = 21
    this.#write(
      Buffer.concat([
        Buffer.from('\n8.0.0-double\0'),
        Buffer.from([1, 0, 0, 0]),
        this.#nonce.subarray(0, 8),
        Buffer.from([0]),
        tail.subarray(0, 8),
        Buffer.alloc(10),
        this.#nonce.subarray(8),
        Buffer.from([0]),
        Buffer.from(`${greets}\0`),
      ]),
    )
  }

  async #admit(login: Buffer): Promise<boolean> {
    const { user, db, plugin, greets = plugin } = this.#account
    const fields = parseLogin(login)
    if (fields.user !== user || fields.db !== db) return false
    let { answer } = fields
    if (greets !== plugin) {
      this.#nonce = randomNonce()
      const request = [
        Buffer.from([0xfe]),
        Buffer.from(`${plugin}\0`),
        this.#nonce,
        Buffer.from([0]),
      ]
      this.#write(Buffer.concat(request))
      answer = await this.#read()
    }
    return plugin === 'mysql_native_password' ? this.#isNative(answer) : this.#isSha2(answer)
  }

  #isNative(answer: Buffer): boolean {
    const { password } = this.#account
    const hash = (...parts: Buffer[]): Buffer => digest('sha1', ...parts)
    const stored = hash(hash(Buffer.from(password)))
    // As the server does it: what the mask hides must have the stored digest.
    const shown = mix(answer, hash(this.#nonce, stored))
    return hash(shown).equals(stored)
  }

  async #isSha2(answer: Buffer): Promise<boolean> {
    const { password, cached = true } = this.#account
    if (!cached) return (await this.#askPassword()) === password
    const hash = (...parts: Buffer[]): Buffer => digest('sha256', ...parts)
    const stored = hash(hash(Buffer.from(password)))
    const shown = mix(answer, hash(stored, this.#nonce))
    if (!hash(shown).equals(stored)) return false
    this.#write(Buffer.from([1, 3]))
    return true
  }

  async #askPassword(): Promise<string> {
    this.#write(Buffer.from([1, 4]))
    const said = await this.#read()
    if (this.isSecured) return said.subarray(0, -1).toString()
    if (said.length !== 1 || said[0] !== 2) return ''
    const { cert, key } = this.#certificate ?? keyPair(this.#account)
    this.#write(Buffer.concat([Buffer.from([1]), Buffer.from(cert)]))
    const padding = constants.RSA_PKCS1_OAEP_PADDING
    const opened = privateDecrypt({ key: createPrivateKey(key), padding }, await this.#read())
    return mix(opened, this.#nonce).subarray(0, -1).toString()
  }

  async #secure({ cert, key }: Certificate): Promise<void> {
    const secureContext = createSecureContext({ cert, key })
    // The client does not wait before it begins its handshake.
    this.#socket.unshift(this.#received)
    this.#received = Buffer.alloc(0)
    const secure = new TLSSocket(this.#socket, { isServer: true, secureContext })
    secure.on('error', () => undefined)
    this.#socket = secure
    this.isSecured = true
    await once(secure, 'secure')
  }

  #refuse(code: number, state: string, text: string): void {
    const head = Buffer.from([0xff, code & 0xff, code >>> 8])
    this.#write(Buffer.concat([head, Buffer.from(`#${state}${text}`)]))
  }

  #write(payload: Buffer): void {
    const head = Buffer.alloc(4)
    head.writeUIntLE(payload.length, 0, 3)
    head[3] = this.#number
    this.#number += 1
    this.#socket.write(Buffer.concat([head, payload]))
  }

  async #read(): Promise<Buffer> {
    await this.#fill(4)
    const length = this.#received.readUIntLE(0, 3)
    this.#number = this.#received[3]! + 1
    await this.#fill(4 + length)
    const payload = this.#received.subarray(4, 4 + length)
    this.#received = this.#received.subarray(4 + length)
    return payload
  }

  async #fill(bytes: number): Promise<void> {
    while (this.#received.length < bytes) {
      const chunk = this.#socket.read() as Buffer | null
      if (chunk !== null) this.#received = Buffer.concat([this.#received, chunk])
      else if (this.#socket.readableEnded) throw new Error('the client is gone')
      else await Promise.race([once(this.#socket, 'readable'), once(this.#socket, 'end')])
    }
  }
}

/** A double without TLS is given its pair of keys in place of the certificate's. */
const pairs = new WeakMap<MysqlAccount, { cert: string; key: string }>()

export function giveKeyPair(account: MysqlAccount, pair: { cert: string; key: string }): void {
  pairs.set(account, pair)
}

function keyPair(account: MysqlAccount): { cert: string; key: string } {
  return pairs.get(account)!
}

function parseLogin(bytes: Buffer): { user: string; answer: Buffer; db: string } {
  const userEnd = bytes.indexOf(0, 32)
  const answerAt = userEnd + 2
  const answerEnd = answerAt + bytes[userEnd + 1]!
  const hasDb = (bytes.readUInt32LE(0) & flags.db) !== 0
  const dbEnd = bytes.indexOf(0, answerEnd)
  return {
    user: bytes.toString('utf8', 32, userEnd),
    answer: bytes.subarray(answerAt, answerEnd),
    db: hasDb ? bytes.toString('utf8', answerEnd, dbEnd) : '',
  }
}

function digest(algorithm: string, ...parts: readonly Buffer[]): Buffer {
  return createHash(algorithm).update(Buffer.concat(parts)).digest()
}

function mix(bytes: Buffer, mask: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, i) => byte ^ mask[i % mask.length]!))
}

/** A nonce has no zeros, which end it. */
function randomNonce(): Buffer {
  return Buffer.from(randomBytes(20).map((byte) => (byte % 255) + 1))
}
