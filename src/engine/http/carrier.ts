/**
 * What a request is answered through: an HTTP/1 connection, a stream of an HTTP/2 connection, or the request
 * that a subrequest belongs to.
 *
 * The request decides *what* is said; its carrier knows *how*: heads as text or as compressed fields, bodies
 * in chunks or in frames, and when the next request may follow.
 *
 * ```text
 *   HttpConnection ─┐                     sendHead, sendBody…, endBody, then onResponseEnd
 *   Http2Stream ────┼─▶ Carrier ◀── Request
 *   Subrequest ─────┘                     wantBody, pauseBody for what the client sends
 * ```
 */
import type { SocketHandler } from '../net/socket.ts'
import type { Request } from './request.ts'

export type HttpProtocol = 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2.0'

export interface Carrier {
  readonly protocol: HttpProtocol
  /** False: more is queued than the client takes; the request is told when there is room again. */
  readonly writable: boolean
  /** Holds output back until `uncork`, so that all of a turn leaves at once. May be nested. */
  cork(): void
  uncork(): void
  /** Writes the head that `request.response` describes. */
  sendHead(request: Request): void
  /** Writes an interim response (RFC 9110 §15.2), such as 103 with its fields. */
  sendInterim(
    request: Request,
    status: number,
    names: readonly string[],
    values: readonly string[],
  ): void
  /** Writes a piece of the body; the bytes are valid during the call only. */
  sendBody(request: Request, bytes: Buffer, from: number, to: number): void
  /** The body is complete; `response.trailers` go behind it where the protocol has a place for them. */
  endBody(request: Request): void
  /** A handler wants the body of the request. */
  wantBody(): void
  pauseBody(): void
  /** The response is complete, or as complete as it will be. */
  onResponseEnd(): void
  /** Nothing can be said any more: the client is cut off. */
  abort(): void
  /**
   * Gives the raw connection away, for what follows a 101: `handler` has its events from now on, and the
   * bytes returned came before. `undefined` where there is no connection to give. `abort` ends it.
   */
  takeOver(handler: SocketHandler): Buffer | undefined
}
