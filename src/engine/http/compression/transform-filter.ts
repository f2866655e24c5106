/**
 * Sends a body through one of Node's own compression streams, where the libraries cannot be called
 * directly. The work is done on other threads, piece by piece.
 */
import type { Transform } from 'node:stream'
import type { Request } from '../request.ts'
import type { PackingFilter, PackingFormat } from './packing-filter.ts'

export class TransformFilter implements PackingFilter {
  readonly format: PackingFormat
  bytesIn = 0
  bytesOut = 0
  complete = false
  readonly #request: Request
  readonly #create: () => Transform
  #stream: Transform | undefined = undefined
  #full = false
  #ending = false

  constructor(format: PackingFormat, request: Request, create: () => Transform) {
    this.format = format
    this.#request = request
    this.#create = create
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    this.bytesIn += to - from
    this.#full = !this.#open().write(Buffer.from(bytes.subarray(from, to)))
    return !this.#full
  }

  flush(): boolean {
    const stream = this.#open() as Transform & { flush?(done: () => void): void }
    stream.flush?.(() => void this.#request.passFlush(this))
    return !this.#full
  }

  end(): void {
    this.#ending = true
    this.#open().end()
  }

  onWritable(): boolean {
    this.#stream?.resume()
    return !this.#full && !this.#ending
  }

  onAbort(): void {
    this.#stream?.destroy()
    this.#stream = undefined
  }

  #open(): Transform {
    return (this.#stream ??= this.#start(this.#create()))
  }

  #start(stream: Transform): Transform {
    const inTurn = (work: () => void) => (): void => {
      if (this.#stream === stream) this.#inTurn(work)
    }
    stream.on('data', (bytes: Buffer) => inTurn(() => this.#pass(bytes))())
    stream.on(
      'drain',
      inTurn(() => this.#onDrain()),
    )
    stream.on(
      'end',
      inTurn(() => this.#onEnd()),
    )
    stream.on('error', (error) => {
      if (this.#stream === stream) this.#onError(error)
    })
    return stream
  }

  #inTurn(work: () => void): void {
    const { carrier } = this.#request
    carrier.cork()
    work()
    carrier.uncork()
  }

  #pass(bytes: Buffer): void {
    this.bytesOut += bytes.length
    if (!this.#request.passBody(this, bytes, 0, bytes.length)) this.#stream?.pause()
  }

  #onDrain(): void {
    this.#full = false
    if (!this.#ending) this.#request.wakeProducer()
  }

  #onEnd(): void {
    this.complete = true
    this.#stream = undefined
    this.#request.passEnd(this)
  }

  #onError(error: Error): void {
    this.#stream = undefined
    this.#request.logError(`the body of a response cannot be unpacked: ${error.message}`)
    this.#request.finalize(500)
  }
}
