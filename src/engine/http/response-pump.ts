/**
 * Sends a web `Response`.
 *
 * A text that is there is sent at once. Any other body whose length nobody says is held back for one turn
 * of the event loop: one that is whole by then, as texts and JSON are, goes out with its length, in one
 * write where that is not too long; any other is streamed in chunks.
 */
import { writtenAtOnceBytesMax } from './limits.ts'
import type { Request } from './request.ts'
import { TextResponse } from './text-response.ts'

type WebResponse = globalThis.Response
type Reader = ReadableStreamDefaultReader<Uint8Array>
type Piece = Awaited<ReturnType<Reader['read']>>

/** Fields that are the connection's own, or ours. */
const ownFields: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'server',
  'transfer-encoding',
  'upgrade',
])

const noPiece = Buffer.alloc(0)
const lastPiece: Piece = { done: true, value: undefined }
const notYet = Symbol('not yet')

export class ResponsePump {
  readonly #request: Request
  readonly #web: WebResponse
  #reader: Reader | undefined
  #wake: (() => void) | undefined
  #over = false
  /** The last piece was more than the client, or a filter, takes at once. */
  #full = false

  constructor(request: Request, web: WebResponse) {
    this.#request = request
    this.#web = web
  }

  async run(): Promise<void> {
    this.#setHead()
    const { body } = this.#web
    if (body === null) {
      const { response } = this.#request
      if (response.contentLength < 0) response.contentLength = 0
      this.#finish(noPiece)
      return
    }
    if (this.#web instanceof TextResponse) {
      await this.#sendWhole(Buffer.from(this.#web.whole))
      return
    }
    this.#reader = body.getReader()
    const first = await this.#reader.read()
    if (this.#over) return
    const second = first.done ? first : this.#reader.read()
    const early = second instanceof Promise ? await withinTurn(second) : second
    if (this.#over) return
    if (early !== notYet && early.done) await this.#sendWhole(toBuffer(first.value))
    else await this.#stream(first, second)
  }

  /** May be called before anybody waits, while what was written is on its way. */
  onWritable(): void {
    this.#full = false
    this.#wake?.()
  }

  abort(reason: unknown): void {
    this.#over = true
    this.#wake?.()
    this.#reader?.cancel(reason).catch(() => {
      // A source that fails while it is cancelled has nobody left to tell.
    })
  }

  #setHead(): void {
    const { response } = this.#request
    const { headers, status } = this.#web
    response.status = status
    response.contentType = headers.get('content-type') ?? undefined
    const length = headers.get('content-length')
    if (length !== null && /^\d{1,15}$/.test(length)) response.contentLength = Number(length)
    for (const [name, value] of headers) {
      if (!ownFields.has(name)) response.add(titled(name), value)
    }
  }

  async #sendWhole(bytes: Buffer): Promise<void> {
    const { response } = this.#request
    if (response.contentLength < 0) response.contentLength = bytes.length
    if (bytes.length <= writtenAtOnceBytesMax) this.#finish(bytes)
    else await this.#stream({ done: false, value: bytes }, lastPiece)
  }

  #finish(bytes: Buffer): void {
    const request = this.#request
    const { carrier } = request
    carrier.cork()
    const refusal = request.sendHead()
    if (refusal !== 0) request.finalize(refusal)
    else if (this.#fits(bytes)) {
      request.write(bytes)
      request.end()
    }
    carrier.uncork()
  }

  /** More or less than `Content-Length` says would be read as another message. */
  #fits(bytes: Buffer): boolean {
    const { response } = this.#request
    if (
      response.headOnly ||
      response.contentLength < 0 ||
      response.contentLength === bytes.length
    ) {
      return true
    }
    this.#lengthFault()
    return false
  }

  #lengthFault(): void {
    this.#over = true
    this.#request.logError('the body of a handler is not as long as its "Content-Length" says')
    this.#request.finalize(500)
  }

  async #stream(first: Piece, second: Piece | Promise<Piece>): Promise<void> {
    const request = this.#request
    const { contentLength } = request.response
    const refusal = request.sendHead()
    if (refusal !== 0) {
      this.abort(`refused with ${refusal}`)
      request.finalize(refusal)
      return
    }
    if (request.response.headOnly) {
      this.abort('the body is not wanted')
      request.end()
      return
    }
    let sent = 0
    let piece = first
    let next: Piece | Promise<Piece> | undefined = second
    while (!piece.done) {
      const bytes = toBuffer(piece.value)
      sent += bytes.length
      if (contentLength >= 0 && sent > contentLength) break
      await this.#write(bytes)
      if (this.#over) return
      piece = await (next ?? this.#reader!.read())
      next = undefined
      if (this.#over) return
    }
    if (contentLength >= 0 && sent !== contentLength) {
      this.#lengthFault()
      await this.#reader!.cancel()
    } else request.end()
  }

  /** However much a handler gives at once, no more waits than the client is about to take. */
  async #write(bytes: Buffer): Promise<void> {
    const { carrier } = this.#request
    let from = 0
    do {
      const to = from + writtenAtOnceBytesMax
      carrier.cork()
      const taken = this.#request.write(bytes.subarray(from, to))
      this.#full = !this.#request.flush() || !taken
      carrier.uncork()
      await this.#room()
      from = to
    } while (from < bytes.length && !this.#over)
  }

  async #room(): Promise<void> {
    if (this.#over || !this.#full) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await promise
    this.#wake = undefined
  }
}

/** What the promise gives within this turn of the event loop. */
async function withinTurn(promise: Promise<Piece>): Promise<Piece | typeof notYet> {
  const turn = new Promise<typeof notYet>((resolve) => {
    setImmediate(() => resolve(notYet))
  })
  return Promise.race([promise, turn])
}

function toBuffer(bytes: Uint8Array | undefined): Buffer {
  return bytes === undefined
    ? noPiece
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** `x-frame-options` as others write it: `X-Frame-Options`. */
function titled(name: string): string {
  return name.replaceAll(
    /(^|-)([a-z])/g,
    (_, dash: string, letter: string) => dash + letter.toUpperCase(),
  )
}
