/** A handler that notes what it is told, so that tests wait for events instead of time. */
import { createHash } from 'node:crypto'
import type { Socket, SocketHandler } from '../../src/engine/net/socket.ts'

type Step = 'connect' | 'data' | 'end' | 'drain' | 'close'

export class Recorder implements SocketHandler {
  readonly steps: Step[] = []
  readonly connected: Promise<Socket>
  readonly ended: Promise<void>
  readonly closed: Promise<NodeJS.ErrnoException | undefined>
  bytes = 0
  closes = 0
  /** Called beside the notes. */
  on: Partial<SocketHandler> = {}
  readonly #hash = createHash('sha256')
  readonly #kept: Buffer[] = []
  readonly #connect = Promise.withResolvers<Socket>()
  readonly #end = Promise.withResolvers<void>()
  readonly #close = Promise.withResolvers<NodeJS.ErrnoException | undefined>()
  readonly #waits: { readonly bytes: number; readonly done: () => void }[] = []

  constructor(on: Partial<SocketHandler> = {}) {
    this.on = on
    this.connected = this.#connect.promise
    this.ended = this.#end.promise
    this.closed = this.#close.promise
  }

  /** What came, as text; for small exchanges. */
  get text(): string {
    return Buffer.concat(this.#kept).toString('latin1')
  }

  /** Of everything that came; once. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  /** Resolves when that many bytes have come in all. */
  received(bytes: number): Promise<void> {
    if (this.bytes >= bytes) return Promise.resolve()
    return new Promise((done) => this.#waits.push({ bytes, done }))
  }

  onConnect(socket: Socket): void {
    this.steps.push('connect')
    this.#connect.resolve(socket)
    this.on.onConnect?.(socket)
  }

  onData(socket: Socket, chunk: Buffer): void {
    if (this.steps.at(-1) !== 'data') this.steps.push('data')
    this.bytes += chunk.length
    this.#hash.update(chunk)
    if (this.bytes <= 65536) this.#kept.push(Buffer.from(chunk))
    for (const wait of this.#waits) if (this.bytes >= wait.bytes) wait.done()
    this.on.onData?.(socket, chunk)
  }

  onEnd(socket: Socket): void {
    this.steps.push('end')
    this.#end.resolve()
    this.on.onEnd?.(socket)
  }

  onDrain(socket: Socket): void {
    if (this.steps.at(-1) !== 'drain') this.steps.push('drain')
    this.on.onDrain?.(socket)
  }

  onClose(socket: Socket, error: NodeJS.ErrnoException | undefined): void {
    this.steps.push('close')
    this.closes += 1
    this.#close.resolve(error)
    this.on.onClose?.(socket, error)
  }
}

/** Sends `total` bytes made by `fill` in chunks, and stops whenever it is told to. */
export class Pump {
  readonly #socket: Socket
  readonly #chunk: Buffer
  #left: number
  readonly done: Promise<void>
  readonly #done = Promise.withResolvers<void>()

  constructor(socket: Socket, chunk: Buffer, total: number) {
    this.#socket = socket
    this.#chunk = chunk
    this.#left = total
    this.done = this.#done.promise
  }

  get left(): number {
    return this.#left
  }

  /** To be called at first and at every `onDrain`. */
  run(): void {
    while (this.#left > 0 && !this.#socket.destroyed) {
      const part = this.#chunk.subarray(0, Math.min(this.#chunk.length, this.#left))
      this.#left -= part.length
      if (!this.#socket.write(part)) break
    }
    if (this.#left === 0) this.#done.resolve()
  }
}
