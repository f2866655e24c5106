/**
 * Sends a body through a codec.
 *
 * A compression hands on all that comes out of a piece: it is less than what went in. What is unpacked may
 * be a thousand times as much, so the filter stops when the client takes no more, keeps the rest of the
 * input, and goes on from there.
 */
import type { Request } from '../request.ts'
import { type Codec, codecInputBytesMax } from './codec.ts'
import type { PackingFilter, PackingFormat } from './packing-filter.ts'

/** Output of a step that is not worth a chunk, or a packet, of its own. */
const frontBytesMax = 64
/** Up to here bytes are copied behind those that were kept. */
const joinedBytesMax = 16 * 1024

export class CodecFilter implements PackingFilter {
  readonly format: PackingFormat
  bytesIn = 0
  bytesOut = 0
  complete = false
  readonly #request: Request
  readonly #create: () => Codec
  /** Made with the first piece: a response without a body needs none. */
  #codec: Codec | undefined = undefined
  /** Input that waits until the client takes more. */
  #waiting: Buffer[] = []
  #ending = false
  #front: Buffer | undefined = undefined

  constructor(format: PackingFormat, request: Request, create: () => Codec) {
    this.format = format
    this.#request = request
    this.#create = create
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    this.bytesIn += to - from
    if (this.#waiting.length > 0) {
      this.#waiting.push(Buffer.from(bytes.subarray(from, to)))
      return false
    }
    return this.#work(bytes, from, to)
  }

  flush(): boolean {
    const codec = this.#codec
    let writable = true
    if (codec !== undefined && this.#waiting.length === 0) {
      for (let more = true; more; more = codec.more) writable = this.#pass(codec, codec.flush())
    }
    return this.#request.passFlush(this) && writable
  }

  end(): void {
    this.#ending = true
    if (this.#waiting.length === 0) this.#finish()
  }

  onWritable(): boolean {
    if (this.#waiting.length === 0) return !this.#ending
    const waiting = this.#waiting
    this.#waiting = []
    for (const bytes of waiting) {
      if (this.#waiting.length > 0) this.#waiting.push(bytes)
      else this.#work(bytes, 0, bytes.length)
    }
    if (this.#waiting.length > 0) return false
    if (this.#ending) this.#finish()
    return !this.#ending
  }

  onAbort(): void {
    this.#close()
  }

  /** False when the rest of the input waits, or the client has enough for now. */
  #work(bytes: Buffer, from: number, to: number): boolean {
    const codec = (this.#codec ??= this.#create())
    let writable = true
    let at = from
    do {
      const end = Math.min(at + codecInputBytesMax, to)
      codec.feed(bytes, at, end)
      writable = this.#run(codec)
      if (this.#codec === undefined) return false
      if (!writable && codec.more) {
        this.#keep(codec.unused())
        if (end < to) this.#keep(bytes.subarray(end, to))
        return false
      }
      at = end
    } while (at < to)
    return writable
  }

  #keep(bytes: Buffer): void {
    this.#waiting.push(Buffer.from(bytes))
  }

  /** Steps until the input is used up, or nobody takes what comes out. */
  #run(codec: Codec): boolean {
    let writable = true
    do {
      const count = codec.step()
      if (count < 0) {
        this.#fail()
        return false
      }
      if (count > 0) writable = this.#keepsBack(codec, count) || this.#pass(codec, count)
    } while (codec.more && writable && this.#codec === codec)
    return writable
  }

  /** A few bytes, such as the head of gzip, go with those that follow. */
  #keepsBack({ output, more }: Codec, count: number): boolean {
    if (count > frontBytesMax || more || this.#front !== undefined) return false
    this.#front = Buffer.from(output.subarray(0, count))
    return true
  }

  #pass({ output }: Codec, count: number): boolean {
    const front = this.#front
    if (front === undefined) return count <= 0 || this.#passOn(output, count)
    this.#front = undefined
    if (count > joinedBytesMax) {
      this.#passOn(front, front.length)
      return this.#passOn(output, count)
    }
    return this.#passOn(Buffer.concat([front, output.subarray(0, count)]), front.length + count)
  }

  #passOn(bytes: Buffer, count: number): boolean {
    this.bytesOut += count
    return this.#request.passBody(this, bytes, 0, count)
  }

  #finish(): void {
    const codec = (this.#codec ??= this.#create())
    for (let more = true; more; more = codec.more) {
      const count = codec.finish()
      if (count < 0) {
        this.#fail()
        return
      }
      this.#pass(codec, count)
    }
    this.complete = true
    this.#close()
    this.#request.passEnd(this)
  }

  #fail(): void {
    this.#close()
    this.#request.logError('the body of a response cannot be unpacked')
    this.#request.finalize(500)
  }

  #close(): void {
    this.#codec?.close()
    this.#codec = undefined
    this.#waiting = []
  }
}
