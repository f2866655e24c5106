/**
 * A TCP, TLS or unix socket client that reads what it asks for, with deadlines.
 */
import { once } from 'node:events'
import { connect as connectNet, type NetConnectOpts, type Socket } from 'node:net'
import { connect as connectSecure, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { onEnd, type Owner } from './scope.ts'
import { within } from './wait.ts'

type Ending = 'end' | 'reset'

export class TcpClient<S extends Socket = Socket> {
  readonly socket: S
  #received: Buffer = Buffer.alloc(0)
  #ending: Ending | undefined
  #failure: Error | undefined
  #wake: () => void = () => undefined

  constructor(socket: S) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    socket.on('end', () => this.#finish('end'))
    socket.on('close', () => this.#finish('end'))
    socket.on('error', (failure: Error) => {
      this.#failure = failure
      this.#finish('reset')
    })
  }

  /** Bytes that came and were not yet read. */
  get pending(): Buffer {
    return this.#received
  }

  /** How the peer ended the connection, once it has. */
  get ending(): Ending | undefined {
    return this.#ending
  }

  /** Writes and waits until the kernel has taken it. */
  async send(bytes: string | Uint8Array): Promise<void> {
    await within(
      new Promise<void>((resolve, reject) => {
        this.socket.write(bytes, (failure) => (failure ? reject(failure) : resolve()))
      }),
      { what: 'a write' },
    )
  }

  /** Closes our direction only. */
  async end(bytes?: string | Uint8Array): Promise<void> {
    if (bytes !== undefined) await this.send(bytes)
    this.socket.end()
  }

  close(): void {
    this.socket.destroy()
  }

  /** Closes with a reset instead of an end. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** Exactly that many bytes; fails when the peer ends before. */
  async read(length: number): Promise<Buffer> {
    await this.#waitUntil(() => this.#received.length >= length, `${length} bytes`)
    return this.#take(length)
  }

  /** Everything up to and including the marker. */
  async readUntil(marker: string): Promise<string> {
    await this.#waitUntil(() => this.#received.includes(marker), JSON.stringify(marker))
    return this.#take(this.#received.indexOf(marker) + Buffer.byteLength(marker)).toString('latin1')
  }

  /** Everything until the peer ends; a reset is an error unless `orReset`. */
  async readAll(options: { readonly orReset?: boolean } = {}): Promise<Buffer> {
    await this.#waitUntil(() => this.#ending !== undefined, 'the end of the connection')
    if (this.#ending === 'reset' && options.orReset !== true) throw this.#failure!
    return this.#take(this.#received.length)
  }

  /** Resolves when bytes came, when the peer ended, or when the time is up. */
  async change(atMostMs: number): Promise<void> {
    const woken = Promise.withResolvers<void>()
    const timer = setTimeout(woken.resolve, atMostMs)
    this.#wake = woken.resolve
    await woken.promise
    clearTimeout(timer)
  }

  #take(length: number): Buffer {
    const taken = this.#received.subarray(0, length)
    this.#received = this.#received.subarray(length)
    return taken
  }

  #finish(ending: Ending): void {
    this.#ending ??= ending
    this.#wake()
  }

  async #waitUntil(enough: () => boolean, what: string): Promise<void> {
    while (!enough()) {
      if (this.#ending !== undefined) {
        const got = `after ${this.#received.length} bytes: ${this.#received.toString('latin1', 0, 200)}`
        throw new Error(`waited for ${what}; connection ended (${this.#ending}) ${got}`, {
          cause: this.#failure,
        })
      }
      const woken = Promise.withResolvers<void>()
      this.#wake = woken.resolve
      await within(woken.promise, { what })
    }
  }
}

/** Connects, or fails as the connection does; half open stays open. */
export async function connectTcp(owner: Owner, to: NetConnectOpts): Promise<TcpClient> {
  const socket = connectNet({ allowHalfOpen: true, ...to })
  onEnd(owner, () => void socket.destroy())
  await within(once(socket, 'connect'), { what: 'a TCP connection' })
  socket.setNoDelay(true)
  return new TcpClient(socket)
}

/** Connects and completes the TLS handshake; certificates are not checked unless `options` says so. */
export async function connectTls(
  owner: Owner,
  options: ConnectionOptions,
): Promise<TcpClient<TLSSocket>> {
  const socket = connectSecure({ rejectUnauthorized: false, ...options })
  onEnd(owner, () => void socket.destroy())
  await within(once(socket, 'secureConnect'), { what: 'a TLS handshake' })
  return new TcpClient(socket)
}

/** Connects, sends, ends our side and returns all that the peer answers. */
export async function exchangeTcp(
  owner: Owner,
  to: NetConnectOpts,
  bytes: string | Uint8Array = '',
): Promise<string> {
  const client = await connectTcp(owner, to)
  try {
    await client.end(bytes)
    return (await client.readAll()).toString('latin1')
  } finally {
    client.close()
  }
}
