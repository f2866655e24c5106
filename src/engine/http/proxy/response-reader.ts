/**
 * Takes one response out of the bytes of an upstream: interim heads, the head, the body by its framing.
 *
 * ```text
 *   head ─▶ (1xx: head again) ─▶ onHead ─▶ body: length | chunks | until FIN | none ─▶ onComplete
 *     └──────────────────────────────────────┴─▶ onFault
 * ```
 */
import { BodyDecoder, type BodySink } from '../body-decoder.ts'
import { interimResponsesMax } from '../limits.ts'
import type { NameIndex } from '../name-index.ts'
import { again, done } from '../parser.ts'
import type { UpstreamHead } from '../upstream-head.ts'
import { partial, UpstreamHeadParser, whole } from '../upstream-head-parser.ts'
import { UpstreamFraming } from './framing.ts'

/** Takes what is read. Every call may be the last: the reader looks whether it was reset meanwhile. */
export interface ResponseSink extends BodySink {
  /** An interim head lies in `head`. */
  onInterim(): void
  /** The head is whole; true: a body follows, as the framing says. */
  onHead(): boolean
  /** A field behind the body. */
  onTrailer(name: string, value: string): void
  /** `rest` bytes came behind the end: nothing more should. */
  onComplete(rest: number): void
  /** What came is no response; the text is nginx's. */
  onFault(problem: string): void
}

const states = { head: 0, length: 1, chunks: 2, untilEnd: 3, over: 4 } as const

export class ResponseReader {
  readonly framing: UpstreamFraming = new UpstreamFraming()
  readonly #sink: ResponseSink
  readonly #decoder = new BodyDecoder()
  /** Where in the present chunk the body begins. */
  bodyAt: number = 0
  /** True when the body ended with the connection. */
  endedWithInput: boolean = false
  #parser: UpstreamHeadParser | undefined
  #state: number = states.over
  #names!: NameIndex
  #headBytesMax = 0
  #left = 0
  #interims = 0
  /** Grows with each reset: tells a loop that what it reads is over. */
  #turn = 0

  constructor(sink: ResponseSink) {
    this.#sink = sink
  }

  /** Begins a response; its head goes into `head`. */
  begin(head: UpstreamHead, names: NameIndex, headBytesMax: number): void {
    head.clear()
    if (this.#parser?.head !== head) this.#parser = new UpstreamHeadParser(head, names)
    this.#parser.reset(names)
    this.#names = names
    this.#headBytesMax = headBytesMax
    this.#state = states.head
    this.#interims = 0
    this.endedWithInput = false
    this.#turn += 1
  }

  /** Nothing more is read. */
  stop(): void {
    this.#state = states.over
    this.#turn += 1
  }

  /** Fields behind a chunked body that has come whole. */
  get trailers(): string {
    return this.framing.chunked ? this.#decoder.trailers : ''
  }

  get readsHead(): boolean {
    return this.#state === states.head
  }

  /** Takes bytes; they are valid during the call only. */
  read(chunk: Buffer): void {
    const from = this.#state === states.head ? this.#readHeads(chunk) : 0
    if (from >= 0) this.#readBody(chunk, from)
  }

  /** The server has sent its FIN: true where that is how the body ends. */
  endOfInput(): boolean {
    if (this.#state !== states.untilEnd) return false
    this.#state = states.over
    this.endedWithInput = true
    this.#sink.onComplete(0)
    return true
  }

  /** Where the body begins; -1 when there is nothing to read any more. */
  #readHeads(chunk: Buffer): number {
    const parser = this.#parser!
    const { head } = parser
    const turn = this.#turn
    for (let from = 0; from < chunk.length;) {
      const before = head.length
      head.append(chunk, from, this.#headBytesMax)
      const outcome = parser.parse()
      if (outcome === partial) {
        if (head.length >= this.#headBytesMax) this.#fault('upstream sent too big header')
        return -1
      }
      if (outcome !== whole) {
        this.#fault(parser.problem)
        return -1
      }
      const next = from + head.end - before
      if (head.status >= 200 || head.status === 101) return this.#afterHead(head, next)
      this.#interims += 1
      if (this.#interims > interimResponsesMax) {
        this.#fault('upstream sent too many interim responses')
        return -1
      }
      this.#sink.onInterim()
      if (this.#turn !== turn) return -1
      head.clear()
      parser.reset(this.#names)
      from = next
    }
    return -1
  }

  #afterHead(head: UpstreamHead, next: number): number {
    const { framing } = this
    if (!framing.read(head)) {
      this.#fault(framing.problem)
      return -1
    }
    const turn = this.#turn
    this.#state = states.over
    this.bodyAt = next
    const body = this.#sink.onHead()
    if (this.#turn !== turn) return -1
    if (body) this.#beginBody()
    return next
  }

  #beginBody(): void {
    const { chunked, contentLength } = this.framing
    if (chunked) {
      this.#decoder.reset(-1, true)
      this.#state = states.chunks
    } else if (contentLength > 0) {
      this.#left = contentLength
      this.#state = states.length
    } else if (contentLength < 0) this.#state = states.untilEnd
  }

  #readBody(chunk: Buffer, from: number): void {
    const turn = this.#turn
    let at = from
    switch (this.#state) {
      case states.length: {
        at = Math.min(from + this.#left, chunk.length)
        this.#left -= at - from
        if (at > from) this.#sink.onBody(chunk, from, at)
        if (this.#left > 0) return
        break
      }
      case states.chunks: {
        const outcome = this.#decoder.decode(chunk, from, this.#sink)
        if (this.#turn !== turn) return
        if (outcome === again && !this.#decoder.complete) return
        if (outcome !== done && !this.#decoder.complete) {
          this.#fault('upstream sent invalid chunked response')
          return
        }
        at = this.#decoder.at
        break
      }
      case states.untilEnd:
        if (chunk.length > from) this.#sink.onBody(chunk, from, chunk.length)
        return
      default:
        break
    }
    if (this.#turn !== turn) return
    this.#state = states.over
    this.#sink.onComplete(chunk.length - at)
  }

  #fault(problem: string): void {
    this.#state = states.over
    this.#sink.onFault(problem)
  }
}
