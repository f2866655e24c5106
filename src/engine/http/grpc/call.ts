/**
 * One request to a gRPC server and its response, as an exchange sees them: written and read here as frames
 * where HTTP/1 has text.
 *
 * Both directions run at once: the client's messages are sent as they come, as far as the server's windows
 * let them, while those of the server are on their way back.
 */
import { errorCodes } from '../http2/error-codes.ts'
import { SendQueue } from '../http2/send-queue.ts'
import { contentLengthDigitsMax } from '../limits.ts'
import type { NameIndex } from '../name-index.ts'
import { type SenderOwner, streamsBody } from '../proxy/request-sender.ts'
import type { ResponseSink } from '../proxy/response-reader.ts'
import type { ProxySettings } from '../proxy/settings.ts'
import type { UpstreamConnection } from '../proxy/upstream-connection.ts'
import type { UpstreamReader, UpstreamSender, Wire } from '../proxy/wire.ts'
import type { Request } from '../request.ts'
import type { RequestBodySink } from '../request-body.ts'
import type { UpstreamHead } from '../upstream-head.ts'
import { upstreamNameId } from '../upstream-names.ts'
import { ResponseFields, TrailerFields } from './response-fields.ts'
import {
  type GrpcSession,
  type HeaderBytes,
  type SessionReader,
  type SessionSender,
  sessionOf,
} from './session.ts'
import type { GrpcSettings } from './settings.ts'

const states = { head: 0, body: 1, over: 2 } as const

const pieceBytes = 16 * 1024
const lengthId = upstreamNameId('content-length')
const none = -1

/** Decoding is synchronous: these serve all calls of the process. */
const fields = new ResponseFields()
const trailers = new TrailerFields()

/** Reads the response. */
class GrpcReader implements UpstreamReader, SessionReader {
  readonly framing: { contentLength: number; keepAlive: boolean } = {
    contentLength: none,
    keepAlive: false,
  }
  readonly bodyAt: number = 0
  readonly endedWithInput: boolean = false
  readonly #sink: ResponseSink
  #session: GrpcSession | undefined = undefined
  #head: UpstreamHead | undefined = undefined
  #names!: NameIndex
  #headBytesMax = 0
  #state: number = states.over
  /** False for a response that has no body, whatever comes. */
  #takesBody = true
  #received = 0
  /** Grows with each response: tells a loop that what it reads is over. */
  #turn = 0

  constructor(sink: ResponseSink) {
    this.#sink = sink
  }

  begin(head: UpstreamHead, names: NameIndex, headBytesMax: number): void {
    head.clear()
    this.#head = head
    this.#names = names
    this.#headBytesMax = headBytesMax
    this.#state = states.head
    this.#received = 0
    this.#turn += 1
    this.framing.contentLength = none
    this.framing.keepAlive = false
  }

  /** The connection that the request was sent on. */
  attach(session: GrpcSession): void {
    this.#session = session
  }

  read(chunk: Buffer): void {
    this.#session?.read(chunk)
  }

  /** A response ends with its stream, never with its connection. */
  endOfInput(): boolean {
    return false
  }

  stop(): void {
    this.#state = states.over
    this.#turn += 1
    this.#session?.end(this)
    this.#session = undefined
  }

  onBlock(session: GrpcSession, block: HeaderBytes, ends: boolean): void {
    if (this.#state === states.head) this.#readHead(session, block, ends)
    else this.#readTrailers(session, block, ends)
  }

  #readHead(session: GrpcSession, block: HeaderBytes, ends: boolean): void {
    const head = this.#head!
    fields.begin(head, this.#names, this.#headBytesMax)
    if (!session.decode(block, fields)) {
      this.#fail('upstream sent invalid http2 header block')
      return
    }
    fields.finish()
    if (fields.problem !== '') this.#fail(fields.problem)
    else if (head.status < 200) this.#readInterim(head, ends)
    else if (!this.#readLength(head)) {
      this.#fail('upstream sent invalid "Content-Length" header')
    } else this.#passHead(ends)
  }

  #readInterim(head: UpstreamHead, ends: boolean): void {
    if (ends || head.status === 101) {
      this.#fail(`upstream sent unexpected :status "${head.status}"`)
      return
    }
    const turn = this.#turn
    this.#sink.onInterim()
    if (this.#turn === turn) head.clear()
  }

  #readLength(head: UpstreamHead): boolean {
    const text = head.valueOf(lengthId)
    if (text === undefined) return true
    if (head.repeats(lengthId) || !/^\d+$/.test(text)) return false
    this.framing.contentLength = Number(text)
    return text.length <= contentLengthDigitsMax
  }

  #passHead(ends: boolean): void {
    const turn = this.#turn
    const body = this.#sink.onHead()
    if (this.#turn !== turn) return
    this.#state = states.body
    this.#takesBody = body
    // What a response without a body says of its length is not about bytes that come.
    if (!body) this.framing.contentLength = none
    if (ends) this.#complete()
  }

  #readTrailers(session: GrpcSession, block: HeaderBytes, ends: boolean): void {
    trailers.begin()
    if (!session.decode(block, trailers)) this.#fail('upstream sent invalid http2 header block')
    else if (!ends) this.#fail('upstream sent trailers without end of stream')
    else if (trailers.problem !== '') this.#fail(trailers.problem)
    else {
      const { names, values } = trailers
      for (let i = 0; i < names.length; i++) this.#sink.onTrailer(names[i]!, values[i]!)
      this.#complete()
    }
  }

  onData(bytes: Buffer, from: number, to: number, ends: boolean): void {
    if (this.#state !== states.body) {
      this.#fail('upstream sent unexpected http2 data frame')
      return
    }
    const turn = this.#turn
    const { contentLength } = this.framing
    this.#received += to - from
    if (contentLength >= 0 && this.#received > contentLength) {
      this.#fail('upstream sent response body larger than indicated content length')
      return
    }
    if (to > from && this.#takesBody) this.#sink.onBody(bytes, from, to)
    if (ends && this.#turn === turn) this.#complete()
  }

  #complete(): void {
    const { contentLength } = this.framing
    if (contentLength > this.#received) {
      this.#fail('upstream prematurely closed stream')
      return
    }
    const session = this.#session!
    this.#state = states.over
    this.framing.keepAlive = session.reusable
    this.#sink.onComplete(0)
  }

  onReset(code: number): void {
    if (this.#state === states.over && code === errorCodes.noError) return
    this.#fail(`upstream rejected request with error ${code}`)
  }

  onFault(problem: string): void {
    this.#fail(problem)
  }

  #fail(problem: string): void {
    this.#state = states.over
    this.#turn += 1
    this.#sink.onFault(problem)
  }
}

/** Sends the request. */
class GrpcSender implements UpstreamSender, SessionSender, RequestBodySink {
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
    const bodyBytes = streams ? request.framing.contentLength : this.#stored ? stored : none
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

export const grpcWire: Wire = {
  create: (owner) => {
    const reader = new GrpcReader(owner)
    return { reader, sender: new GrpcSender(owner, reader) }
  },
}
