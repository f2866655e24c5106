/**
 * Takes a request's body out of the bytes of its connection: by length, or by chunks (RFC 9112 §7.1).
 *
 * ```text
 *   chunked-body = *chunk last-chunk trailer-section CRLF
 *   chunk        = chunk-size [ chunk-ext ] CRLF  chunk-data CRLF
 *   chunk-ext    = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
 *   last-chunk   = 1*("0") [ chunk-ext ] CRLF
 *
 *   size ─▶ extension ─▶ sizeLf ─▶ data ─▶ dataCr ─▶ dataLf ─▶ size …
 *                           └─ 0 ─▶ trailerStart ─▶ trailerName ─▶ trailerValue ─▶ trailerLf ─▶ trailerStart
 *                                        └──▶ endLf ─▶ done
 * ```
 *
 * Trailers are read strictly. They are kept apart, for who asks for them: merging them into the header is
 * what RFC 9110 §6.5.1 warns of.
 */
import { cr, fieldValue, hexValue, lf, tokenLower } from './bytes.ts'
import { chunkLineBytesMax, chunkSizeDigitsMax, trailerBytesMax } from './limits.ts'
import { again, done } from './parser.ts'

/** Takes pieces of a body. The bytes are valid only during the call. */
export interface BodySink {
  onBody(chunk: Buffer, start: number, end: number): void
}

const states = {
  whole: 0,
  size: 1,
  extension: 2,
  quoted: 3,
  quotedPair: 4,
  sizeLf: 5,
  data: 6,
  dataCr: 7,
  dataLf: 8,
  trailerStart: 9,
  trailerName: 10,
  trailerValue: 11,
  trailerLf: 12,
  endLf: 13,
  length: 14,
} as const

const semicolon = 0x3b
const quote = 0x22
const backslash = 0x5c
const equals = 0x3d
const colon = 0x3a
const notHex = 255

export class BodyDecoder {
  problem: string = ''
  /** Bytes of the body that came so far. */
  received: number = 0
  /** Lines behind the last chunk, each `name:value`, where they are kept. */
  trailers: string = ''
  /** Where the last call stopped reading. */
  at: number = 0
  #state: number = states.whole
  /** Of the body by length, or of the chunk. */
  #left = 0
  #digits = 0
  #lineBytes = 0
  #trailerBytes = 0
  #nameBytes = 0
  #keepsTrailers = false

  /** `length` of the body, or -1 for a chunked one. */
  reset(length: number, keepsTrailers = false): void {
    this.trailers = ''
    this.#keepsTrailers = keepsTrailers
    this.problem = ''
    this.received = 0
    this.#left = Math.max(length, 0)
    this.#state = length < 0 ? states.size : length === 0 ? states.whole : states.length
    this.#digits = 0
    this.#lineBytes = 0
    this.#trailerBytes = 0
  }

  get complete(): boolean {
    return this.#state === states.whole
  }

  /** Bytes still to come of a body by length; -1 when chunks do not say. */
  get left(): number {
    if (this.#state === states.whole) return 0
    return this.#state === states.length ? this.#left : -1
  }

  /** Reads `chunk` from `from` on: `again`, `done`, or the status of a refusal; `at` says how far. */
  decode(chunk: Buffer, from: number, sink: BodySink): number {
    this.at = from
    while (this.#state !== states.whole) {
      if (this.at >= chunk.length) return again
      const outcome = this.#step(chunk, sink)
      if (outcome !== again) return outcome
    }
    return done
  }

  #step(chunk: Buffer, sink: BodySink): number {
    if (this.#state === states.length || this.#state === states.data) return this.#data(chunk, sink)
    const byte = chunk[this.at]!
    this.at += 1
    if (this.#state < states.data) return this.#sizeLine(byte)
    return this.#state < states.trailerStart ? this.#dataEnd(byte) : this.#trailer(byte)
  }

  #data(chunk: Buffer, sink: BodySink): number {
    const start = this.at
    const end = Math.min(start + this.#left, chunk.length)
    this.at = end
    this.#left -= end - start
    this.received += end - start
    if (this.#left === 0) {
      this.#state = this.#state === states.length ? states.whole : states.dataCr
    }
    sink.onBody(chunk, start, end)
    return again
  }

  #sizeLine(byte: number): number {
    this.#lineBytes += 1
    if (this.#lineBytes > chunkLineBytesMax) return this.#bad('too long chunk line')
    switch (this.#state) {
      case states.size:
        return this.#size(byte)
      case states.extension:
        return this.#extension(byte)
      case states.quoted:
        if (byte === quote) this.#state = states.extension
        else if (byte === backslash) this.#state = states.quotedPair
        else if (fieldValue[byte] !== 1) return this.#bad('invalid chunk extension')
        return again
      case states.quotedPair:
        if (fieldValue[byte] !== 1) return this.#bad('invalid chunk extension')
        this.#state = states.quoted
        return again
      default:
        return this.#sizeLf(byte)
    }
  }

  #size(byte: number): number {
    const value = hexValue[byte]!
    if (value !== notHex) {
      this.#digits += 1
      if (this.#digits > chunkSizeDigitsMax) return this.#bad('too large chunk size')
      this.#left = this.#left * 16 + value
      return again
    }
    if (this.#digits === 0) return this.#bad('invalid chunk size')
    if (byte === cr) this.#state = states.sizeLf
    else if (byte === semicolon) this.#state = states.extension
    else return this.#bad('invalid chunk size')
    return again
  }

  /** Tokens, "=", ";" and quoted strings; no white space: "bad white space" is what RFC 9112 calls it. */
  #extension(byte: number): number {
    if (byte === cr) this.#state = states.sizeLf
    else if (byte === quote) this.#state = states.quoted
    else if (byte !== semicolon && byte !== equals && tokenLower[byte] === 0) {
      return this.#bad('invalid chunk extension')
    }
    return again
  }

  #sizeLf(byte: number): number {
    if (byte !== lf) return this.#bad('invalid chunk line: bare CR')
    this.#state = this.#left === 0 ? states.trailerStart : states.data
    this.#digits = 0
    this.#lineBytes = 0
    return again
  }

  #dataEnd(byte: number): number {
    const expected = this.#state === states.dataCr ? cr : lf
    if (byte !== expected) return this.#bad('chunk data longer than its size')
    this.#state = this.#state === states.dataCr ? states.dataLf : states.size
    return again
  }

  #trailer(byte: number): number {
    this.#trailerBytes += 1
    if (this.#trailerBytes > trailerBytesMax) return this.#bad('too large trailers')
    if (this.#keepsTrailers && byte !== cr) this.trailers += String.fromCharCode(byte)
    switch (this.#state) {
      case states.trailerStart:
        this.#nameBytes = 0
        if (byte === cr) {
          this.#state = states.endLf
          return again
        }
        this.#state = states.trailerName
        return this.#trailerName(byte)
      case states.trailerName:
        return this.#trailerName(byte)
      case states.trailerValue:
        if (byte === cr) this.#state = states.trailerLf
        else if (fieldValue[byte] !== 1) return this.#bad('invalid trailer')
        return again
      default:
        if (byte !== lf) return this.#bad('invalid trailer: bare CR')
        this.#state = this.#state === states.endLf ? states.whole : states.trailerStart
        return this.#state === states.whole ? done : again
    }
  }

  #trailerName(byte: number): number {
    if (byte === colon && this.#nameBytes > 0) this.#state = states.trailerValue
    else if (tokenLower[byte] === 0) return this.#bad('invalid trailer')
    this.#nameBytes += 1
    return again
  }

  #bad(problem: string): number {
    this.problem = problem
    return 400
  }
}
