/**
 * Sends one request to an upstream: its head, and its body from memory, from a file, or as it comes from
 * the client.
 *
 * ```text
 *   head + small body ─▶ one write ─▶ sent
 *   head ─▶ pieces of the stored body, as the upstream takes them ─▶ sent
 *   head ─▶ what the client sends, by length or in chunks ─▶ sent
 * ```
 */
import type { Request } from '../request.ts'
import type { RequestBodySink } from '../request-body.ts'
import { type OutgoingRequest, planBytes } from './request-plan.ts'
import type { ProxySettings } from './settings.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

/** Who is told how sending goes. */
export interface SenderOwner {
  /** All of the request is on its way. */
  onSent(): void
  /** The client's body cannot be had: it is broken, or the client has gone. */
  onClientBodyError(status: number): void
  /** Something was handed to the connection; `full` when it takes no more for now. */
  onSending(full: boolean): void
}

const pieceBytes = 32 * 1024
/** Bodies up to this size leave with the head. */
const joinedBytesMax = 12 * 1024
/** Heads are sent from views that are made once for each length. */
const cachedViewBytesMax = 4096

const lastChunk = Buffer.from('0\r\n\r\n', 'latin1')
const chunkEnd = Buffer.from('\r\n', 'latin1')

let views: (Buffer | undefined)[] = []
let viewed: Buffer | undefined

type Outgoing = { -readonly [Name in keyof OutgoingRequest]: OutgoingRequest[Name] }

export class RequestSender implements RequestBodySink {
  readonly #owner: SenderOwner
  #request: Request | undefined
  #settings: ProxySettings | undefined
  #connection: UpstreamConnection | undefined
  readonly #outgoing: Outgoing = {
    target: undefined,
    bodyBytes: 0,
    chunked: false,
    saysLength: false,
  }
  /** Body by `proxy_set_body`. */
  #setBody: Buffer | undefined
  #streams = false
  #streaming = false
  #at = 0
  #sent = false
  #piece: Buffer | undefined

  constructor(owner: SenderOwner) {
    this.#owner = owner
  }

  /** Makes ready for a request; `streams`: its body is sent as it comes. */
  begin(request: Request, settings: ProxySettings, target: string | undefined): void {
    const { framing, storedBody } = request
    const outgoing = this.#outgoing
    this.#request = request
    this.#settings = settings
    this.#streams = streamsBody(request, settings)
    this.#streaming = false
    this.#setBody =
      settings.setBody === undefined ? undefined : Buffer.from(settings.setBody.evaluate(request))
    outgoing.target = target
    outgoing.chunked = false
    outgoing.bodyBytes = 0
    outgoing.saysLength = false
    if (this.#setBody !== undefined) {
      outgoing.bodyBytes = this.#setBody.length
      outgoing.saysLength = true
    } else if (this.#streams) {
      outgoing.chunked = framing.chunked
      outgoing.bodyBytes = framing.chunked ? 0 : framing.contentLength
    } else if (settings.passBody) {
      outgoing.bodyBytes = storedBody?.length ?? 0
      outgoing.saysLength = request.parent === undefined && saysLength(request)
    }
  }

  /** True once a part of the body was sent that cannot be had again. */
  get consumed(): boolean {
    return this.#streaming
  }

  get sent(): boolean {
    return this.#sent
  }

  /** Sends to a connection, from the beginning. */
  start(connection: UpstreamConnection): void {
    const request = this.#request!
    this.#connection = connection
    this.#at = 0
    this.#sent = false
    const length = this.#settings!.plan.write(request, this.#outgoing)
    const body =
      this.#setBody ?? (this.#streams ? undefined : storedMemory(request, this.#settings!))
    if (body !== undefined) this.#sendWhole(length, body)
    else {
      const open = connection.write(view(length))
      if (this.#streams) this.#stream(open)
      else if (this.#outgoing.bodyBytes > 0) this.#goOn(open)
      else this.#complete(open)
    }
  }

  /** The connection has room again. */
  onDrain(): void {
    if (this.#sent) this.#owner.onSent()
    else if (this.#streams) {
      this.#owner.onSending(false)
      this.#request?.body.resume()
    } else this.#goOn(true)
  }

  /** Gives the request up. */
  stop(): void {
    this.#request = undefined
    this.#connection = undefined
    this.#setBody = undefined
  }

  onBody(chunk: Buffer, start: number, end: number): void {
    const connection = this.#connection
    if (connection === undefined) return
    let open = true
    if (this.#outgoing.chunked) {
      open = connection.write(Buffer.from(`${(end - start).toString(16)}\r\n`, 'latin1'))
    }
    open = connection.write(chunk.subarray(start, end)) && open
    if (this.#outgoing.chunked) open = connection.write(chunkEnd) && open
    this.#owner.onSending(!open)
    if (!open) this.#request?.body.pause()
  }

  onBodyEnd(): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#complete(this.#outgoing.chunked ? connection.write(lastChunk) : true)
  }

  onBodyError(status: number): void {
    if (this.#connection !== undefined) this.#owner.onClientBodyError(status)
  }

  /** A body in memory: with the head where it is small. */
  #sendWhole(length: number, body: Buffer): void {
    const connection = this.#connection!
    const bytes = planBytes()
    if (body.length <= joinedBytesMax && length + body.length <= bytes.length) {
      body.copy(bytes, length)
      this.#complete(connection.write(view(length + body.length)))
    } else this.#complete(connection.socket.writeBoth(view(length), body))
  }

  /** Sends what is stored as far as it is taken. */
  #goOn(open: boolean): void {
    const connection = this.#connection
    const body = this.#request?.storedBody
    if (connection === undefined || body === undefined) return
    let more = open
    this.#piece ??= Buffer.allocUnsafeSlow(pieceBytes)
    while (more && this.#at < body.length) {
      const count = body.read(this.#at, this.#piece)
      if (count === 0) break
      this.#at += count
      more = connection.write(count === pieceBytes ? this.#piece : this.#piece.subarray(0, count))
    }
    if (this.#at >= body.length) this.#complete(more)
    else this.#owner.onSending(true)
  }

  #stream(open: boolean): void {
    this.#streaming = true
    this.#owner.onSending(!open)
    this.#request!.body.read(this)
  }

  #complete(open: boolean): void {
    this.#sent = true
    if (open) this.#owner.onSent()
    else this.#owner.onSending(true)
  }
}

/** The body goes on as it comes: nobody has to have it twice, and the version has a way to say its end. */
export function streamsBody(request: Request, settings: ProxySettings): boolean {
  if (settings.requestBuffering || settings.setBody !== undefined || !settings.passBody)
    return false
  const { framing, body, parent, storedBody } = request
  if (parent !== undefined || storedBody !== undefined || !body.unread) return false
  return framing.hasBody && (!framing.chunked || settings.http11)
}

function storedMemory({ storedBody }: Request, { passBody }: ProxySettings): Buffer | undefined {
  return passBody ? storedBody?.memory : undefined
}

/** As nginx, a length of 0 that the client says is passed on. */
function saysLength({ framing }: Request): boolean {
  // A chunked one has a length once it was read, were it none.
  return framing.contentLength >= 0 || framing.chunked
}

function view(length: number): Buffer {
  const bytes = planBytes()
  if (viewed !== bytes) {
    viewed = bytes
    views = []
  }
  if (length > cachedViewBytesMax) return bytes.subarray(0, length)
  return (views[length] ??= bytes.subarray(0, length))
}
