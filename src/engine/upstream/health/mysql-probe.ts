/**
 * Logs in to a MySQL or MariaDB server, and asks it one question.
 *
 * ```text
 *   greeting ─▶ (TLS) ─▶ login ─▶ ok
 *                          ├─ switch ─▶ answer for another plugin ─▶ …
 *                          └─ more ─▶ caching_sha2: 3 it is known ─▶ ok
 *                                                   4 the password itself, by TLS or by the server's key
 * ```
 */
import { constants, publicEncrypt } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { SqlParameters } from './check-settings.ts'
import {
  answerFor,
  capabilities,
  decodeAuthSwitch,
  decodeGreeting,
  encodeLogin,
  encodePacket,
  encodeSslRequest,
  flagsFor,
  type Greeting,
  packetHeadBytes,
  packetKinds,
  refuseError,
  xor,
} from './mysql-packets.ts'
import { probeReplyBytesMax } from '../limits.ts'
import { type Probe, ProbeFailure, type ProbeSession, type ProbeTarget } from './probe.ts'
import { openProbeSocket, timedOut, type TlsMemory, toFailure } from './probe-socket.ts'
import type { ProbeTls } from './probe-tls.ts'

const commandQuery = 0x03
const commandQuit = 0x01
const sha2Known = 0x03
const sha2Wanted = 0x04
const sha2KeyRequest = 0x02
/** Steps of a login; a server that asks for more is not one. */
const loginStepsMax = 8

export class MysqlProbe implements Probe {
  readonly #sql: SqlParameters
  readonly #tls: ProbeTls

  constructor(sql: SqlParameters, tls: ProbeTls) {
    this.#sql = sql
    this.#tls = tls
  }

  open(target: ProbeTarget): ProbeSession {
    const memory: TlsMemory = { session: undefined }
    return { run: (signal) => this.#run(target, signal, memory), close: () => undefined }
  }

  async #run(target: ProbeTarget, signal: AbortSignal, memory: TlsMemory): Promise<void> {
    const socket = await openProbeSocket(target, signal)
    const channel = new Channel(socket)
    const stop = (): void => channel.end(new ProbeFailure(timedOut))
    signal.addEventListener('abort', stop, { once: true })
    try {
      await this.#talk(channel, memory)
    } catch (error) {
      throw toFailure(error as Error)
    } finally {
      signal.removeEventListener('abort', stop)
      socket.destroy()
    }
  }

  async #talk(channel: Channel, memory: TlsMemory): Promise<void> {
    const { select, useSsl, user, password, db } = this.#sql
    const greeting = decodeGreeting(await channel.read())
    const ssl = useSsl && (greeting.capabilities & capabilities.ssl) !== 0
    const flags = flagsFor(db, ssl)
    if (ssl) {
      channel.write(encodeSslRequest(flags))
      await channel.secure(this.#tls, memory)
    }
    const plugin = greeting.plugin === '' ? 'mysql_native_password' : greeting.plugin
    const answer = answerFor(plugin, password, greeting.nonce)
    channel.write(encodeLogin(flags, { user, db, plugin, answer }))
    await finishLogin(channel, { ...greeting, plugin }, { password, ssl })
    if (select !== undefined) await ask(channel, select)
    channel.restart()
    channel.write(Buffer.of(commandQuit))
  }
}

async function finishLogin(
  channel: Channel,
  greeting: Greeting,
  { password, ssl }: { readonly password: string; readonly ssl: boolean },
): Promise<void> {
  let { nonce } = greeting
  for (let step = 0; step < loginStepsMax; step += 1) {
    const payload = await channel.read()
    refuseError(payload)
    if (payload[0] === packetKinds.ok) return
    if (payload[0] === packetKinds.authSwitch) {
      const next = decodeAuthSwitch(payload)
      nonce = next.nonce
      channel.write(answerFor(next.plugin, password, nonce))
    } else if (payload[0] !== packetKinds.more) break
    else if (payload[1] === sha2Wanted) await tellPassword(channel, { password, ssl, nonce })
    else if (payload[1] !== sha2Known) break
  }
  throw new ProbeFailure('unexpected answer')
}

/** The server does not know the password's digest yet: it wants the password. */
async function tellPassword(
  channel: Channel,
  {
    password,
    ssl,
    nonce,
  }: { readonly password: string; readonly ssl: boolean; readonly nonce: Buffer },
): Promise<void> {
  const secret = Buffer.from(`${password}\0`)
  if (ssl) {
    channel.write(secret)
    return
  }
  channel.write(Buffer.of(sha2KeyRequest))
  const payload = await channel.read()
  refuseError(payload)
  const key = payload.subarray(1).toString()
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  channel.write(publicEncrypt({ key, padding }, xor(secret, nonce)))
}

/** Anything but an error is an answer. */
async function ask(channel: Channel, select: string): Promise<void> {
  channel.restart()
  channel.write(Buffer.concat([Buffer.of(commandQuery), Buffer.from(select)]))
  refuseError(await channel.read())
}

/** Packets over a connection, numbered in turn by both sides. */
class Channel {
  #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #number = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  write(payload: Buffer): void {
    this.#socket.write(encodePacket(this.#number, payload))
    this.#number += 1
  }

  /** Whoever reads is told why. */
  end(error: Error): void {
    this.#socket.destroy(error)
  }

  /** A command begins: packets are counted anew. */
  restart(): void {
    this.#number = 0
  }

  async secure(tls: ProbeTls, memory: TlsMemory): Promise<void> {
    const secure = tls.start(this.#socket, memory)
    this.#socket = secure
    await once(secure, 'secureConnect')
  }

  async read(): Promise<Buffer> {
    await this.#fill(packetHeadBytes)
    const length = this.#received.readUIntLE(0, 3)
    if (length === 0 || length > probeReplyBytesMax) throw new ProbeFailure('unexpected answer')
    await this.#fill(packetHeadBytes + length)
    this.#number = this.#received[3]! + 1
    const payload = this.#received.subarray(packetHeadBytes, packetHeadBytes + length)
    this.#received = this.#received.subarray(packetHeadBytes + length)
    return payload
  }

  async #fill(bytes: number): Promise<void> {
    while (this.#received.length < bytes) {
      const chunk = this.#socket.read() as Buffer | null
      if (chunk !== null) this.#received = Buffer.concat([this.#received, chunk])
      else await this.#wait()
    }
  }

  /** Rejects when the connection ends with an error. */
  async #wait(): Promise<void> {
    if (this.#socket.errored !== null) throw this.#socket.errored
    if (this.#socket.readableEnded || this.#socket.destroyed) {
      throw new ProbeFailure('connection closed before the expected answer')
    }
    const over = new AbortController()
    const { signal } = over
    const events = ['readable', 'end', 'close'].map((name) => once(this.#socket, name, { signal }))
    try {
      await Promise.race(events)
    } finally {
      over.abort()
      await Promise.allSettled(events)
    }
  }
}
