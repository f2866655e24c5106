/** Takes a request out of pieces of bytes as a connection does, and tells all that can be seen of it. */
import { BodyDecoder } from './body-decoder.ts'
import { Framing } from './framing.ts'
import type { HeadLimits } from './head-limits.ts'
import { methods } from './methods.ts'
import { again, done, RequestParser } from './parser.ts'
import { RequestHead } from './request-head.ts'
import { normalizePath } from './uri.ts'

export const usualLimits: HeadLimits = {
  initialBytes: 1024,
  largeCount: 4,
  largeBytes: 8192,
  underscores: false,
  ignoreInvalid: true,
}

export interface Outcome {
  /** 200 for a whole request, 0 for one that goes on, otherwise the status of the refusal. */
  readonly status: number
  readonly problem: string
  readonly method?: string
  readonly target?: string
  /** `name=value#id` */
  readonly fields?: readonly string[]
  readonly body?: string
  /** Bytes that belong to the request. */
  readonly consumed?: number
}

const incomplete: Outcome = { status: 0, problem: '' }

class Feeder {
  readonly #head = new RequestHead()
  readonly #parser: RequestParser
  readonly #framing = new Framing()
  readonly #decoder = new BodyDecoder()
  readonly #body: Buffer[] = []
  #headDone = false
  #consumed = 0

  constructor(limits: HeadLimits) {
    this.#parser = new RequestParser(this.#head, limits)
  }

  /** The outcome as soon as there is one. */
  feed(piece: Buffer): Outcome | undefined {
    let at = 0
    while (!this.#headDone) {
      if (at === piece.length) return undefined
      const before = this.#head.length
      const taken = this.#head.append(piece, at)
      const verdict = this.#parser.parse()
      if (verdict !== again && verdict !== done) {
        return { status: verdict, problem: this.#parser.problem }
      }
      const used = verdict === done ? this.#head.end - before : taken
      at += used
      this.#consumed += used
      if (verdict === again) continue
      const refusal = this.#beginBody()
      if (refusal !== undefined) return refusal
    }
    return this.#feedBody(piece, at)
  }

  #beginBody(): Outcome | undefined {
    const head = this.#head
    this.#headDone = true
    const verdict = this.#framing.read(head)
    if (verdict !== done) return { status: verdict, problem: this.#framing.problem }
    if (head.method === methods.connect || head.method === methods.trace) {
      return { status: 405, problem: 'method' }
    }
    if (normalizePath(head.bytes, head.pathStart, head.pathEnd, true) === undefined) {
      return { status: 400, problem: 'path' }
    }
    const { chunked, contentLength } = this.#framing
    this.#decoder.reset(chunked ? -1 : Math.max(contentLength, 0))
    return undefined
  }

  #feedBody(piece: Buffer, at: number): Outcome | undefined {
    const sink = {
      onBody: (chunk: Buffer, from: number, to: number): void => {
        this.#body.push(Buffer.from(chunk.subarray(from, to)))
      },
    }
    const verdict = this.#decoder.decode(piece, at, sink)
    this.#consumed += this.#decoder.at - at
    if (verdict === again) return undefined
    return verdict === done ? this.#whole() : { status: verdict, problem: this.#decoder.problem }
  }

  #whole(): Outcome {
    const head = this.#head
    const fields = Array.from({ length: head.count }, (_, i) => {
      const name = head.bytes.toString('latin1', head.nameStart(i), head.nameEnd(i))
      const value = head.bytes.toString('latin1', head.valueStart(i), head.valueEnd(i))
      return `${name}=${value}#${head.idOf(i)}`
    })
    return {
      status: 200,
      problem: '',
      method: head.text(head.methodStart, head.methodEnd),
      target: head.bytes.toString('latin1', head.targetStart, head.targetEnd),
      fields,
      body: Buffer.concat(this.#body).toString('latin1'),
      consumed: this.#consumed,
    }
  }
}

export function feed(pieces: readonly Buffer[], limits: HeadLimits = usualLimits): Outcome {
  const feeder = new Feeder(limits)
  for (const piece of pieces) {
    const outcome = feeder.feed(piece)
    if (outcome !== undefined) return outcome
  }
  return incomplete
}
