/**
 * One request on its way through the phases, and the response to it.
 *
 * The object keeps one shape and is used again and again: a connection takes one from the pool when the
 * first byte of a request comes and gives it back when it is idle. Handlers must not hold on to it.
 */
import type { Level, Log } from '../core/log.ts'
import type { ByteSink } from '../core/byte-sink.ts'
import { type VariableTable, type VariableValue, appendValue } from '../core/variables.ts'
import type { CaptureHost } from '../modules/captures.ts'
import type { Address } from '../net/address.ts'
import { type BodyFilter, BodyFilters } from './body-filter.ts'
import type { Carrier } from './carrier.ts'
import type { ClientConnection } from './client-connection.ts'
import { activities } from './connection-counts.ts'
import { errorContext } from './error-context.ts'
import { Framing } from './framing.ts'
import type { HeadLimits } from './head-limits.ts'
import type { Location } from './location.ts'
import { methods, methodText } from './methods.ts'
import { RequestParser } from './parser.ts'
import { PhaseWalk } from './phases.ts'
import { RequestBody } from './request-body.ts'
import { RequestHead } from './request-head.ts'
import { timesRequests } from './request-timing.ts'
import { Response } from './response.ts'
import { sendResponseHead } from './response-head.ts'
import type { HttpServer } from './server.ts'
import { errorPageOf, sendStatus } from './special-response.ts'
import { closesConnection, isSilent } from './status.ts'
import type { StoredBody } from './stored-body.ts'
import type { RequestSpan } from './telemetry/request-span.ts'
import { encodePath } from './uri.ts'
import type { UpstreamTrail } from './upstream-trail.ts'
import { VariableCache } from './variable-cache.ts'

/** What is to be given back when a request is over. */
export interface RequestEnding {
  end(): void
}

/** Makes a response's body piece by piece. */
export interface BodyProducer {
  /** There is room again after `write` has said false. */
  onWritable(): void
  /** The client has sent its FIN: most are gone then. */
  onClientEnd(): void
  /** The request is over before the body was: nothing can be written any more. */
  onAbort(): void
}

export class Request implements CaptureHost {
  /** What came; a subrequest looks at its parent's. */
  head: RequestHead = new RequestHead()
  framing: Framing = new Framing()
  readonly parser: RequestParser
  readonly body: RequestBody
  readonly response: Response = new Response()
  readonly filters: BodyFilters = new BodyFilters(this)
  readonly phases: PhaseWalk = new PhaseWalk(this)
  connection: ClientConnection
  carrier: Carrier
  /** The request that this one is a part of; `undefined` for what a client has sent. */
  parent: Request | undefined = undefined
  /** Subrequests under way. */
  readonly children: Request[] = []
  server: HttpServer
  location: Location
  variables: VariableTable<Request>
  /** What variables were found to be; a subrequest looks at its parent's. */
  values: VariableCache = new VariableCache()
  /** The client's address; `realip` may put another in place. */
  remote: Address
  /** Normal form of the path. Internal redirects change it. */
  uri: string = ''
  /** Query without "?"; empty for none. */
  args: string = ''
  hasArgs: boolean = false
  /** True while the URI is what the client sent: it may be forwarded as it came. */
  plainUri: boolean = true
  /** False once `rewrite … break` has put another path in the place of the location's. */
  uriInLocation: boolean = true
  /** Host asked for, in lower case and without port; empty where the client named none. */
  host: string = ''
  method: number = methods.other
  keepAlive: boolean = false
  /** True after an internal redirect: `internal` locations are open. */
  internal: boolean = false
  /** How it is counted, one of `activities`. */
  activity: number = activities.none
  captures: RegExpExecArray | null = null
  /** The body once it was read whole. */
  storedBody: StoredBody | undefined = undefined
  /** What upstreams were asked and answered; made by the first one that is asked. */
  trail: UpstreamTrail | undefined = undefined
  /** Its place in a distributed trace; made by the first request that is traced. */
  span: RequestSpan | undefined = undefined
  /** Milliseconds, wall clock, of the first byte. */
  startedAt: number = 0
  /** The same by the monotonic clock, with its fractions; 0 where nobody wants to know. */
  begunAt: number = 0
  bytesSent: number = 0
  bodyBytesSent: number = 0
  /** Status that `error_page` keeps for what its page answers; 0 for none. */
  errorStatus: number = 0
  /** Bytes a second that the client is sent at most; 0 for no limit, -1 where `limit_rate` decides. */
  limitRate: number = -1
  producer: BodyProducer | undefined = undefined
  /** True once an `error_page` was gone to. */
  inErrorPage: boolean = false
  finished: boolean = false
  /** True when the response was handed over whole. */
  completed: boolean = false
  /** Grows with each use of the object: tells a late callback that its request is over. */
  generation: number = 0
  readonly #ownHead: RequestHead = this.head
  readonly #ownFraming: Framing = this.framing
  readonly #ownValues: VariableCache = this.values
  readonly #endings: RequestEnding[] = []

  constructor(
    connection: ClientConnection,
    carrier: Carrier,
    server: HttpServer,
    limits: HeadLimits,
  ) {
    this.parser = new RequestParser(this.head, limits)
    this.body = new RequestBody({
      wantBody: () => this.carrier.wantBody(),
      pauseBody: () => this.carrier.pauseBody(),
    })
    this.connection = connection
    this.carrier = carrier
    this.server = server
    this.location = server.fallback
    this.variables = connection.variables
    this.remote = connection.remote
  }

  /** Makes it a new request of a connection. */
  open(connection: ClientConnection, carrier: Carrier, server: HttpServer): void {
    this.connection = connection
    this.carrier = carrier
    this.server = server
    this.location = server.fallback
    this.variables = connection.variables
    this.remote = connection.remote
    this.head.clear()
    this.parser.reset(server.headLimits)
    this.body.reset(false, 0, 0)
    this.response.clear()
    this.trail?.clear()
    this.span?.clear()
    this.phases.reset()
    this.uri = ''
    this.args = ''
    this.hasArgs = false
    this.plainUri = true
    this.uriInLocation = true
    this.host = ''
    this.method = methods.other
    this.keepAlive = false
    this.internal = false
    this.activity = activities.none
    this.captures = null
    this.startedAt = Date.now()
    this.begunAt = timesRequests ? performance.now() : 0
    this.bytesSent = 0
    this.bodyBytesSent = 0
    this.errorStatus = 0
    this.limitRate = -1
    this.producer = undefined
    this.finished = false
    this.completed = false
    this.generation += 1
    this.inErrorPage = false
    this.values.clear()
  }

  /** Gives up what it borrowed or holds outside of itself, before it is used again. */
  release(): void {
    while (this.#endings.length > 0) this.#endings.pop()!.end()
    this.generation += 1
    this.parent = undefined
    this.head = this.#ownHead
    this.framing = this.#ownFraming
    this.values = this.#ownValues
    if (!this.filters.empty) this.filters.clear()
    this.storedBody?.release()
    this.storedBody = undefined
  }

  /** Has something given back when the request is over and logged. */
  atEnd(ending: RequestEnding): void {
    this.#endings.push(ending)
  }

  /** The request that the client has sent. */
  get main(): Request {
    return this.parent === undefined ? this : this.parent.main
  }

  get isHead(): boolean {
    return this.head.method === methods.head && this.parent === undefined
  }

  get methodName(): string {
    const { head, method } = this
    return method === methods.other
      ? head.text(head.methodStart, head.methodEnd)
      : methodText(method)
  }

  get scheme(): 'http' | 'https' {
    return this.connection.secure ? 'https' : 'http'
  }

  get errorLog(): Log {
    return this.location.errorLog
  }

  /** How the product names itself, as `server_tokens` has it. */
  get signature(): string {
    return this.location.signature
  }

  /** Goes on after a handler that said `done`, as if it had said `outcome` now. */
  resume(outcome: number): void {
    this.carrier.cork()
    this.phases.run(outcome)
    this.carrier.uncork()
  }

  /** Begins again with another URI, as `index`, `error_page` and the like do; returns what a handler returns. */
  redirect(uri: string, args: string): number {
    this.uri = uri
    this.args = args
    this.hasArgs = args !== ''
    this.plainUri = false
    this.uriInLocation = true
    this.internal = true
    return this.phases.redirect()
  }

  /** Goes to a named location; 500 where there is none. */
  redirectToNamed(name: string): number {
    this.internal = true
    return this.phases.redirectToNamed(name)
  }

  /** Ends the request with a status: by its `error_page`, by nginx's page, or without a word. */
  finalize(status: number): void {
    if (this.finished) return
    if (this.response.headSent || isSilent(status)) {
      if (!this.response.headSent) this.response.status = status
      this.carrier.abort()
      return
    }
    this.producer = undefined
    if (closesConnection(status)) this.keepAlive = false
    const next = errorPageOf(this, status)
    if (next === undefined) sendStatus(this, status)
    else this.phases.run(next)
  }

  /** Sends a whole body and ends. */
  respond(body: string | Buffer): void {
    const { response } = this
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    response.contentLength = bytes.length
    const refusal = this.sendHead()
    if (refusal !== 0) {
      this.finalize(refusal)
      return
    }
    if (bytes.length > 0) this.write(bytes)
    this.end()
  }

  /**
   * Runs the header filters and writes the head. Returns 0, or the status with which a filter refuses the
   * response: nothing was sent then, and the request is to be ended with it.
   */
  sendHead(): number {
    return sendResponseHead(this)
  }

  /** Lets a filter change the body of the response; for header filters. */
  filterBody(filter: BodyFilter): void {
    this.filters.add(filter)
  }

  /** Sends a piece of the body; false asks to wait for `onWritable`. `chunk` may be used again. */
  write(chunk: Buffer): boolean {
    return this.writeRange(chunk, 0, chunk.length)
  }

  /** `write` of a part of a buffer. */
  writeRange(bytes: Buffer, from: number, to: number): boolean {
    if (this.response.headOnly || to === from) return true
    return this.filters.empty ? this.send(bytes, from, to) : this.filters.write(bytes, from, to)
  }

  /** The body is complete. */
  end(): void {
    if (this.finished) return
    this.producer = undefined
    if (this.filters.empty || this.response.headOnly) this.finish()
    else this.filters.end()
  }

  /** Behind the last filter: a piece for the carrier. */
  send(bytes: Buffer, from: number, to: number): boolean {
    if (to === from) return true
    this.bodyBytesSent += to - from
    this.carrier.sendBody(this, bytes, from, to)
    return this.carrier.writable
  }

  /** Behind the last filter: nothing more comes. */
  finish(): void {
    if (this.finished) return
    if (!this.response.headOnly) this.carrier.endBody(this)
    this.finished = true
    this.completed = true
    this.carrier.onResponseEnd()
  }

  passBody(filter: BodyFilter, bytes: Buffer, from: number, to: number): boolean {
    return this.filters.pass(filter, bytes, from, to)
  }

  passEnd(filter: BodyFilter): void {
    this.filters.passEnd(filter)
  }

  /**
   * For producers whose clients wait for each piece: no filter holds back what was written. False asks to
   * wait, as for `write`.
   */
  flush(): boolean {
    return this.filters.empty || this.filters.flush()
  }

  passFlush(filter: BodyFilter): boolean {
    return this.filters.passFlush(filter)
  }

  /** The carrier has room again. */
  onWritable(): void {
    if (this.filters.empty || this.filters.onWritable()) this.wakeProducer()
  }

  /** A filter that was full has room again. */
  wakeProducer(): void {
    this.producer?.onWritable()
  }

  /** The request cannot be answered any more: whoever works for it is told. */
  abandon(): void {
    const { producer } = this
    this.producer = undefined
    this.finished = true
    this.body.fail(400)
    producer?.onAbort()
    if (!this.filters.empty) this.filters.onAbort()
    for (const child of this.children.splice(0)) child.carrier.abort()
  }

  /** Writes the logs; the carrier calls it once, when the response is handed over or lost. */
  log(): void {
    for (const handler of this.location.logs) handler(this)
  }

  logError(message: string, level: Level = 'error'): void {
    const { errorLog } = this
    if (errorLog.takes(level)) {
      errorLog.write(level, `${message}, ${errorContext(this)}`, this.connection.number)
    }
  }

  /** The path as it may stand in a header. */
  escapedUri(): string {
    return encodePath(this.uri)
  }

  get(slot: number): VariableValue {
    return this.values.read(this, slot)
  }

  append(slot: number, sink: ByteSink): boolean {
    const append = this.variables.at(slot)?.append
    return append === undefined ? appendValue(this.get(slot), sink) : append(this, sink)
  }

  store(slot: number, value: VariableValue): void {
    this.values.store(slot, value)
  }
}
