/**
 * How requests are written to upstreams, and their responses read: HTTP/1, or HTTP/2 for gRPC. All else of an
 * exchange (servers, failures, the client's side) is the same.
 */
import type { NameIndex } from '../name-index.ts'
import type { Request } from '../request.ts'
import type { UpstreamHead } from '../upstream-head.ts'
import { RequestSender, type SenderOwner } from './request-sender.ts'
import { ResponseReader, type ResponseSink } from './response-reader.ts'
import type { ProxySettings } from './settings.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

/** Takes one response out of the bytes of an upstream. */
export interface UpstreamReader {
  /** What is known of the body and of the connection once there is a head. */
  readonly framing: { readonly contentLength: number; readonly keepAlive: boolean }
  /** Where in the present chunk the body begins. */
  readonly bodyAt: number
  /** True when the body ended with the connection. */
  readonly endedWithInput: boolean
  /** Lines `name:value` behind a body that has come whole, where they are told apart from its fields. */
  readonly trailers?: string
  begin(head: UpstreamHead, names: NameIndex, headBytesMax: number): void
  /** Takes bytes; they are valid during the call only. */
  read(chunk: Buffer): void
  /** The server has sent its FIN: true where that is how the body ends. */
  endOfInput(): boolean
  stop(): void
}

/** Sends one request to an upstream. */
export interface UpstreamSender {
  /** True once a part of the body was sent that cannot be had again. */
  readonly consumed: boolean
  readonly sent: boolean
  /** Makes ready for a request; a target of `undefined` is the client's own. */
  begin(request: Request, settings: ProxySettings, target: string | undefined): void
  /** Sends to a connection, from the beginning. */
  start(connection: UpstreamConnection): void
  onDrain(): void
  stop(): void
}

export interface WirePair {
  readonly reader: UpstreamReader
  readonly sender: UpstreamSender
}

export interface Wire {
  create(owner: SenderOwner, sink: ResponseSink): WirePair
}

export const http1Wire: Wire = {
  create: (owner, sink) => ({ reader: new ResponseReader(sink), sender: new RequestSender(owner) }),
}
