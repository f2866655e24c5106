/**
 * Header blocks of a client: put together, decoded, and made requests, trailers, or nothing (RFC 9113 §4.3,
 * §6.2, §6.10).
 *
 * Whatever becomes of a block, it is decoded: the table must stay what the client takes it for.
 */
import type { Request } from '../request.ts'
import { refuseRequest, startFramed } from '../request-start.ts'
import { errorCodes } from './error-codes.ts'
import type { FrameBudget } from './frame-budget.ts'
import type { FrameReader } from './frame-reader.ts'
import { flags, priorityBytes, readUint31 } from './frames.ts'
import { HeaderAssembly } from './header-assembly.ts'
import { type FieldSink, HpackDecoder } from './hpack-decoder.ts'
import type { Http2Connection } from './http2-connection.ts'
import type { Http2Stream } from './http2-stream.ts'
import { RequestFields } from './request-fields.ts'

/** Decoding is synchronous: one serves all connections of the process. */
const fields = new RequestFields()

/** Takes fields that nobody has asked for. */
const nobody: FieldSink = { onField: () => undefined }

/** Where a block lies, and what it is for. */
interface Block {
  readonly stream: number
  readonly ends: boolean
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
}

export class IncomingHeaders {
  /** Highest stream that the client has begun. */
  lastStream: number = 0
  readonly #connection: Http2Connection
  readonly #budget: FrameBudget
  readonly #decoder = new HpackDecoder()
  readonly #assembly = new HeaderAssembly()
  #streamsThisTurn = 0

  constructor(connection: Http2Connection, budget: FrameBudget) {
    this.#connection = connection
    this.#budget = budget
  }

  /** Stream of a block that has not come whole; 0 for none. */
  get open(): number {
    return this.#assembly.stream
  }

  /** Bytes of another read begin. */
  beginTurn(): void {
    this.#streamsThisTurn = 0
  }

  /** The payload of HEADERS, without its padding. */
  onHeaders({ stream, flags: set }: FrameReader, bytes: Buffer, from: number, to: number): void {
    const prioritized = (set & flags.priority) !== 0
    const start = prioritized ? from + priorityBytes : from
    if (to < start) {
      this.#fail(errorCodes.protocol, 'HEADERS frame with incorrect length')
      return
    }
    if (!this.#mayHaveHeaders(stream)) return
    if (prioritized && readUint31(bytes, from) === stream) {
      this.#fail(errorCodes.protocol, 'HEADERS frame with dependency on itself')
      return
    }
    this.#budget.onWork()
    const ends = (set & flags.endStream) !== 0
    if ((set & flags.endHeaders) !== 0) this.#onBlock({ stream, ends, bytes, from: start, to })
    else this.#assembly.begin(stream, ends, bytes.subarray(start, to))
  }

  onContinuation({ stream, flags: set }: FrameReader, fragment: Buffer): void {
    const assembly = this.#assembly
    if (assembly.stream !== stream || stream === 0) {
      this.#fail(errorCodes.protocol, 'unexpected CONTINUATION frame')
      return
    }
    if (!assembly.append(fragment, this.#connection.headBytesMax)) {
      this.#fail(errorCodes.enhanceYourCalm, 'too large header block')
      return
    }
    if ((set & flags.endHeaders) === 0) return
    const { endsStream: ends } = assembly
    const bytes = assembly.finish()
    this.#onBlock({ stream, ends, bytes, from: 0, to: bytes.length })
  }

  #fail(code: number, problem: string): void {
    this.#connection.fail(code, problem)
  }

  /** RFC 9113 §5.1.1: a new stream of the client's, or trailers of an open one. */
  #mayHaveHeaders(id: number): boolean {
    if (this.#connection.streams.get(id)?.receiving === true) return true
    if (id % 2 === 0) {
      this.#fail(errorCodes.protocol, `HEADERS frame with incorrect identifier ${id}`)
      return false
    }
    // Trailers that were on their way when we reset the stream.
    if (id > this.lastStream || this.#connection.wasReset(id)) return true
    this.#fail(errorCodes.streamClosed, 'HEADERS frame for a closed stream')
    return false
  }

  #onBlock(block: Block): void {
    const { stream: id } = block
    const open = this.#connection.streams.get(id)
    if (open !== undefined) this.#onTrailers(open, block)
    else if (id <= this.lastStream) this.#decode(block, nobody)
    else {
      this.lastStream = id
      if (this.#mayBegin(id)) this.#begin(block)
      else this.#decode(block, nobody)
    }
  }

  #decode({ bytes, from, to }: Block, sink: FieldSink): boolean {
    const fault = this.#decoder.decode(bytes, from, to, sink)
    if (fault === undefined) return true
    // RFC 9113 §4.3: the table is not the client's any more.
    this.#fail(errorCodes.compression, `invalid header block: ${fault}`)
    return false
  }

  /** False for a stream that is refused, or for which the connection ends. */
  #mayBegin(id: number): boolean {
    const connection = this.#connection
    const max = connection.conf.http2_max_concurrent_streams
    this.#streamsThisTurn += 1
    if (connection.leaves) return false
    if (this.#streamsThisTurn > max * 2) {
      this.#fail(errorCodes.enhanceYourCalm, 'too many streams at once')
      return false
    }
    if (connection.streams.size < max) return true
    connection.sendReset(id, errorCodes.refusedStream)
    this.#budget.onReset('too many refused streams')
    return false
  }

  #begin(block: Block): void {
    const connection = this.#connection
    const { stream: id, ends } = block
    const stream = connection.streams.take(id)
    const request = connection.takeRequest(stream)
    stream.open(id, request, ends)
    fields.begin(request.head, connection.headLimits)
    if (!this.#decode(block, fields)) return
    const status = fields.finish()
    if (status === 0) beginRequest(stream, request, ends)
    else {
      if (fields.malformed) stream.fault = errorCodes.protocol
      refuseRequest(request, status, fields.problem)
    }
  }

  /** RFC 9113 §8.1: fields behind the body; nobody has asked for them yet. */
  #onTrailers(stream: Http2Stream, block: Block): void {
    if (!this.#decode(block, nobody)) return
    if (!block.ends || !stream.onClientEnd()) this.#budget.endFaulty(stream, errorCodes.protocol)
  }
}

function beginRequest(stream: Http2Stream, request: Request, ends: boolean): void {
  if (startFramed(request, !ends)) return
  // RFC 9113 §8.1.1: a length was announced for a body that does not come.
  stream.fault = errorCodes.protocol
  refuseRequest(request, 400, 'prematurely closed stream')
}
