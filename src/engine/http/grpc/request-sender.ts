/**
 * Sends the request of a call: its header block, and the client's messages as they come, as far as the
 * server's windows let them. The response may be on its way back meanwhile.
 */
import { SendQueue } from '../http2/send-queue.ts'
import { type SenderOwner, streamsBody } from '../proxy/request-sender.ts'
import type { ProxySettings } from '../proxy/settings.ts'
import type { UpstreamConnection } from '../proxy/upstream-connection.ts'
import type { UpstreamSender } from '../proxy/wire.ts'
import type { Request } from '../request.ts'
import type { RequestBodySink } from '../request-body.ts'
import type { GrpcReader } from './response-reader.ts'
import { type GrpcSession, type SessionSender, sessionOf } from './session.ts'
import type { GrpcSettings } from './settings.ts'

const pieceBytes = 16 * 1024
const unknownLength = -1

export class GrpcSender implements UpstreamSender, SessionSender, RequestBodySink {
  consumed: boolean = false
  sent: boolean = false
  readonly #owner: SenderOwner
  readonly #reader: GrpcReader
  #request: Request | undefined = undefined
  #settings: GrpcSettings | undefined = undefined
  #target: string | undefined = undefined
  #session: GrpcSession | undefined = undefined
  /** Of the client's body: what came and may not be sent yet. */
  readonly #queue = new SendQueue()
  #clientEnded = false
  #stored = false
  #storedAt = 0
  #piece: Buffer | undefined = undefined

  constructor(owner: SenderOwner, reader: GrpcReader) {
    this.#owner = owner
    this.#reader = reader
  }

  begin(request: Request, settings: ProxySettings, target: string | undefined): void {
    this.#request = request
    // The location's settings come back as they were compiled for this wire.
    this.#settings = settings as GrpcSettings
    this.#target = target
    this.consumed = false
  }

  start(connection: UpstreamConnection): void {
    const request = this.#request!
    const session = sessionOf(connection)
    this.#session = session
    this.#reader.attach(session)
    this.sent = false
    this.#clientEnded = false
    this.#queue.clear()
    this.#storedAt = 0
    const streams = streamsBody(request, this.#settings!)
    const stored = request.storedBody?.length ?? 0
    this.#stored = !streams && stored > 0
    const bodyBytes = streams
      ? request.framing.contentLength
      : this.#stored
        ? stored
        : unknownLength
    const ends = !streams && !this.#stored
    const { scheme, proxyHost } = request.trail!
    const target = { tls: scheme === 'grpcs://', host: proxyHost, path: this.#target, bodyBytes }
    const { block } = this.#settings!
    session.begin(
      { reader: this.#reader, sender: this },
      (into) => block.write(into, request, target),
      ends,
    )
    if (ends) this.#complete()
    else if (this.#stored) this.#sendStored()
    else this.#stream(request)
  }

  #stream(request: Request): void {
    this.consumed = true
    const session = this.#session!
    request.body.read(this)
    // The head goes, though no byte of the body has come.
    if (this.#session === session && !this.sent) session.flush()
  }

  onBody(chunk: Buffer, start: number, end: number): void {
    const session = this.#session
    if (session === undefined) return
    const sent = this.#queue.length === 0 ? session.send(chunk, start, end) : start
    session.flush()
    if (sent < end) this.#queue.append(chunk, sent, end)
    const full = this.#queue.length > 0 || session.blocked
    this.#owner.onSending(full)
    if (full) this.#request?.body.pause()
  }

  onBodyEnd(): void {
    if (this.#session === undefined) return
    this.#clientEnded = true
    if (this.#queue.length === 0) this.#end()
  }

  onBodyError(status: number): void {
    if (this.#session !== undefined) this.#owner.onClientBodyError(status)
  }

  /** A window has grown, or the connection takes more. */
  onRoom(): void {
    const session = this.#session
    if (session === undefined || this.sent) return
    if (this.#stored) {
      this.#sendStored()
      return
    }
    const queue = this.#queue
    while (queue.length > 0 && session.room > 0) {
      const { piece, from } = queue
      queue.advance(session.send(piece, from, piece.length) - from)
    }
    session.flush()
    if (queue.length > 0 || session.blocked) return
    if (this.#clientEnded) this.#end()
    else {
      this.#owner.onSending(false)
      this.#request?.body.resume()
    }
  }

  onDrain(): void {
    const session = this.#session
    if (session === undefined) return
    session.blocked = false
    if (this.sent) this.#owner.onSent()
    else this.onRoom()
  }

  /** A body that was read whole before, as far as there is room for it. */
  #sendStored(): void {
    const session = this.#session!
    const body = this.#request!.storedBody!
    this.#piece ??= Buffer.allocUnsafeSlow(pieceBytes)
    while (this.#storedAt < body.length && session.room > 0) {
      const count = Math.min(body.read(this.#storedAt, this.#piece), session.room)
      if (count === 0) break
      this.#storedAt += session.send(this.#piece, 0, count)
    }
    if (this.#storedAt >= body.length) this.#end()
    else {
      session.flush()
      this.#owner.onSending(true)
    }
  }

  #end(): void {
    this.#session!.sendEnd()
    this.#complete()
  }

  #complete(): void {
    this.sent = true
    if (this.#session!.blocked) this.#owner.onSending(true)
    else this.#owner.onSent()
  }

  stop(): void {
    this.#request = undefined
    this.#settings = undefined
    this.#session = undefined
    this.#queue.clear()
  }
}
