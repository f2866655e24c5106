/**
 * Sends a part of a file piece by piece: the next piece is read when the kernel has taken the last one, so
 * that a slow client costs one buffer and no more.
 */
import { close, read } from 'node:fs'
import { filePieceBytes } from './limits.ts'
import type { BodyProducer, Request } from './request.ts'

export class FileStream implements BodyProducer {
  readonly #request: Request
  readonly #descriptor: number
  readonly #piece: Buffer
  #at: number
  readonly #end: number
  #reading = false
  #over = false

  /** Takes the descriptor over. */
  constructor(request: Request, descriptor: number, start: number, end: number) {
    this.#request = request
    this.#descriptor = descriptor
    this.#at = start
    this.#end = end
    this.#piece = Buffer.allocUnsafeSlow(Math.min(filePieceBytes, end - start))
  }

  start(): void {
    this.#request.producer = this
    this.#read()
  }

  onWritable(): void {
    this.#read()
  }

  /** Files are sent to the end, as far as the client takes them. */
  onClientEnd(): void {}

  onAbort(): void {
    this.#over = true
    if (!this.#reading) this.#close()
  }

  #read(): void {
    if (this.#reading || this.#over) return
    this.#reading = true
    const length = Math.min(this.#piece.length, this.#end - this.#at)
    read(this.#descriptor, this.#piece, 0, length, this.#at, (error, bytes) => {
      this.#reading = false
      this.#take(error, bytes)
    })
  }

  #take(error: NodeJS.ErrnoException | null, bytes: number): void {
    if (this.#over) {
      this.#close()
      return
    }
    const request = this.#request
    if (error !== null || bytes === 0) {
      const reason = error === null ? 'it became shorter while it was sent' : error.message
      this.#over = true
      this.#close()
      request.logError(`reading a file failed: ${reason}`)
      request.finalize(500)
      return
    }
    this.#at += bytes
    const { carrier } = request
    carrier.cork()
    const more = this.#at < this.#end
    request.write(bytes === this.#piece.length ? this.#piece : this.#piece.subarray(0, bytes))
    if (!more) this.#finish(request)
    carrier.uncork()
    if (more && carrier.writable) this.#read()
  }

  #finish(request: Request): void {
    this.#over = true
    this.#close()
    request.end()
  }

  #close(): void {
    close(this.#descriptor, () => {})
  }
}
