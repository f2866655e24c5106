/**
 * A connection over `node:net` behind the data plane's contract.
 *
 * Node queues without limit; `write` says false above a mark, and the overflow of a writer that does not
 * listen ends the connection.
 */
import type { Socket as NodeStream } from 'node:net'
import type { Address } from '../address.ts'
import { writeQueueBytesMax } from '../limits.ts'
import type { Socket, SocketHandler } from '../socket.ts'

/** What is not in Node's public types: the stream's handle and its descriptor. */
interface WithHandle {
  readonly _handle?: { readonly fd?: number } | null
}

export class NodeSocket implements Socket {
  handler: SocketHandler
  readonly #stream: NodeStream
  readonly remote: Address
  #local: Address | undefined = undefined
  #connecting: boolean
  #ending = false
  #destroyed = false
  #error: NodeJS.ErrnoException | undefined = undefined

  constructor(
    stream: NodeStream,
    handler: SocketHandler,
    options: {
      readonly remote: Address
      readonly connecting: boolean
    },
  ) {
    this.#stream = stream
    this.handler = handler
    this.remote = options.remote
    this.#connecting = options.connecting
    if (options.connecting) stream.once('connect', this.#connected)
    stream.on('data', this.#arrived)
    stream.on('end', this.#ended)
    stream.on('drain', this.#drained)
    stream.on('error', this.#failed)
    stream.on('close', this.#closed)
  }

  get local(): Address {
    this.#local ??= localOf(this.#stream)
    return this.#local
  }

  get bytesRead(): number {
    return this.#stream.bytesRead
  }

  get bytesWritten(): number {
    return this.#stream.bytesWritten - this.queued
  }

  get queued(): number {
    return this.#destroyed ? 0 : this.#stream.writableLength
  }

  get destroyed(): boolean {
    return this.#destroyed
  }

  get descriptor(): number {
    return (this.#stream as WithHandle)['_handle']?.fd ?? -1
  }

  write(chunk: Buffer): boolean {
    if (this.#destroyed || this.#ending) return false
    // Node keeps a reference to what it could not send; the caller may use its memory again.
    const more = this.#stream.write(Buffer.from(chunk))
    if (this.queued > writeQueueBytesMax) this.destroy(new Error('write queue overflow'))
    return more && !this.#destroyed
  }

  writeBoth(head: Buffer, body: Buffer): boolean {
    this.#stream.cork()
    this.write(head)
    const more = this.write(body)
    this.#stream.uncork()
    return more
  }

  end(): void {
    if (this.#destroyed || this.#ending) return
    this.#ending = true
    this.#stream.end()
  }

  destroy(error?: Error, reset = false): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.#error ??= error
    if (reset && !this.#connecting) this.#stream.resetAndDestroy()
    else this.#stream.destroy()
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  setNoDelay(on: boolean): void {
    this.#stream.setNoDelay(on)
  }

  readonly #connected = (): void => {
    this.#connecting = false
    if (!this.#destroyed) this.handler.onConnect(this)
  }

  readonly #arrived = (chunk: Buffer): void => {
    if (!this.#destroyed) this.handler.onData(this, chunk)
  }

  readonly #ended = (): void => {
    if (!this.#destroyed) this.handler.onEnd(this)
  }

  readonly #drained = (): void => {
    if (!this.#destroyed && !this.#ending) this.handler.onDrain(this)
  }

  readonly #failed = (error: Error): void => {
    this.#error ??= error
  }

  readonly #closed = (): void => {
    this.#local ??= localOf(this.#stream)
    this.#destroyed = true
    this.handler.onClose(this, this.#error)
  }
}

/** Told by Node as text; a unix socket has none. */
function localOf(stream: NodeStream): Address {
  const { localAddress, localPort } = stream
  return inetAddress(localAddress, localPort) ?? { family: 'unix', path: '' }
}

export function remoteOf(stream: NodeStream): Address {
  const { remoteAddress, remotePort } = stream
  return inetAddress(remoteAddress, remotePort) ?? { family: 'unix', path: '' }
}

function inetAddress(host: string | undefined, port: number | undefined): Address | undefined {
  if (host === undefined || port === undefined) return undefined
  return { family: host.includes(':') ? 6 : 4, host, port }
}
