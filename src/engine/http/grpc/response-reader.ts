/**
 * Reads the response to a call: its head, its messages as they come, and the fields behind them.
 */
import { errorCodes } from '../http2/error-codes.ts'
import { contentLengthDigitsMax } from '../limits.ts'
import type { NameIndex } from '../name-index.ts'
import type { ResponseSink } from '../proxy/response-reader.ts'
import type { UpstreamReader } from '../proxy/wire.ts'
import type { UpstreamHead } from '../upstream-head.ts'
import { upstreamNameId } from '../upstream-names.ts'
import { ResponseFields, TrailerFields } from './response-fields.ts'
import type { GrpcSession, HeaderBytes, SessionReader } from './session.ts'

const states = { head: 0, body: 1, over: 2 } as const

const lengthId = upstreamNameId('content-length')
const none = -1

/** Decoding is synchronous: these serve all calls of the process. */
const fields = new ResponseFields()
const trailers = new TrailerFields()

export class GrpcReader implements UpstreamReader, SessionReader {
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
    } else {
      // As nginx tells it: what ends with its head is known to have nothing behind it.
      if (ends && this.framing.contentLength < 0) this.framing.contentLength = 0
      this.#passHead(ends)
    }
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
