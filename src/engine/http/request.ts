/**
 * One request on its way through the phases, and the response to it.
 *
 * The object keeps one shape and is used again and again: a connection takes one from the pool when the
 * first byte of a request comes and gives it back when it is idle. Handlers must not hold on to it.
 */
import type { Log } from '../core/log.ts'
import type { VariableTable, VariableValue } from '../core/variables.ts'
import type { CaptureHost } from '../modules/captures.ts'
import type { Address } from '../net/address.ts'
import type { HttpConnection } from './connection.ts'
import { requestFilename } from './file-path.ts'
import { Framing } from './framing.ts'
import { discardedBodyBytesMax, internalRedirectsMax } from './limits.ts'
import type { Location } from './location.ts'
import { methods } from './methods.ts'
import { outcomes } from './module.ts'
import type { HeadLimits } from './parser.ts'
import { done, RequestParser } from './parser.ts'
import { RequestBody } from './request-body.ts'
import { RequestHead } from './request-head.ts'
import { Response } from './response.ts'
import type { HttpServer } from './server.ts'
import { errorPageOf, sendStatus } from './special-response.ts'
import { closesConnection, statuses } from './status.ts'
import { normalizePath } from './uri.ts'
import { VariableCache } from './variable-cache.ts'
import { renderHead } from './writer.ts'

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
  readonly head: RequestHead = new RequestHead()
  readonly framing: Framing = new Framing()
  readonly parser: RequestParser
  readonly body: RequestBody
  readonly response: Response = new Response()
  connection: HttpConnection
  server: HttpServer
  location: Location
  variables: VariableTable<Request>
  /** The client's address; `realip` may put another in place. */
  remote: Address
  /** Normal form of the path. Internal redirects change it. */
  uri: string
  /** Query without "?"; empty for none. */
  args: string
  hasArgs: boolean
  /** Host asked for, in lower case and without port; empty where the client named none. */
  host: string
  method: number
  keepAlive: boolean
  /** True after an internal redirect: `internal` locations are open. */
  internal: boolean
  captures: RegExpExecArray | null
  /** Milliseconds, wall clock, of the first byte. */
  startedAt: number
  bytesSent: number
  bodyBytesSent: number
  /** Status that `error_page` keeps for what its page answers; 0 for none. */
  errorStatus: number
  producer: BodyProducer | undefined
  /** True once an `error_page` was gone to. */
  inErrorPage: boolean
  finished: boolean
  /** Grows with each use of the object: tells a late callback that its request is over. */
  generation: number
  #redirects: number
  #inServer: boolean
  #step: number
  readonly #cache: VariableCache

  constructor(connection: HttpConnection, server: HttpServer, limits: HeadLimits) {
    this.parser = new RequestParser(this.head, limits)
    this.body = new RequestBody({
      wantBody: () => this.connection.wantBody(),
      pauseBody: () => this.connection.pauseBody(),
    })
    this.connection = connection
    this.server = server
    this.location = server.fallback
    this.variables = connection.variables
    this.remote = connection.remote
    this.uri = ''
    this.args = ''
    this.hasArgs = false
    this.host = ''
    this.method = methods.other
    this.keepAlive = false
    this.internal = false
    this.captures = null
    this.startedAt = 0
    this.bytesSent = 0
    this.bodyBytesSent = 0
    this.errorStatus = 0
    this.producer = undefined
    this.finished = false
    this.generation = 0
    this.inErrorPage = false
    this.#redirects = 0
    this.#inServer = true
    this.#step = 0
    this.#cache = new VariableCache()
  }

  /** Makes it a new request of a connection. */
  open(connection: HttpConnection, server: HttpServer): void {
    this.connection = connection
    this.server = server
    this.location = server.fallback
    this.variables = connection.variables
    this.remote = connection.remote
    this.head.clear()
    this.parser.reset(server.headLimits)
    this.body.reset(false, 0, 0)
    this.response.clear()
    this.uri = ''
    this.args = ''
    this.hasArgs = false
    this.host = ''
    this.method = methods.other
    this.keepAlive = false
    this.internal = false
    this.captures = null
    this.startedAt = Date.now()
    this.bytesSent = 0
    this.bodyBytesSent = 0
    this.errorStatus = 0
    this.producer = undefined
    this.finished = false
    this.generation += 1
    this.inErrorPage = false
    this.#redirects = 0
    this.#inServer = true
    this.#step = 0
    this.#cache.clear()
  }

  get isHead(): boolean {
    return this.head.method === methods.head
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

  /** The head is complete: reads what it says and begins the phases. */
  begin(): void {
    const { head, framing } = this
    const verdict = framing.read(head)
    if (verdict !== done) {
      this.refuse(verdict, framing.problem)
      return
    }
    this.keepAlive = framing.keepAlive && this.connection.mayKeepAlive
    if (framing.hostStart >= 0) {
      this.host = head.text(framing.hostStart, framing.hostEnd).toLowerCase()
    }
    this.server = this.connection.serverFor(this.host, this)
    this.location = this.server.fallback
    this.method = head.method
    this.body.reset(framing.hasBody, framing.chunked ? -1 : framing.contentLength, 0)
    const refusal = this.connection.checkTls(this)
    if (refusal !== 0) this.finalize(refusal)
    else if (this.method === methods.connect || this.method === methods.trace) this.finalize(405)
    else if (!this.#readTarget()) this.refuse(400, 'invalid request')
    else this.#run(outcomes.next)
  }

  #readTarget(): boolean {
    const { head } = this
    if (head.queryStart >= 0) {
      this.args = head.text(head.queryStart, head.targetEnd)
      this.hasArgs = head.targetEnd > head.queryStart
    }
    if (!head.pathSpecial) {
      this.uri = head.pathEnd > head.pathStart ? head.text(head.pathStart, head.pathEnd) : '/'
      return true
    }
    const merge = this.server.core.merge_slashes
    const uri = normalizePath(head.bytes, head.pathStart, head.pathEnd, merge)
    this.uri = uri === '' ? '/' : (uri ?? '')
    return uri !== undefined
  }

  /** Goes on after a handler that said `done`, as if it had said `outcome` now. */
  resume(outcome: number): void {
    this.connection.cork()
    this.#run(outcome)
    this.connection.uncork()
  }

  #run(first: number): void {
    let outcome = first
    for (;;) {
      if (outcome === outcomes.done) return
      if (outcome === outcomes.relocate) outcome = this.#enterLocation()
      if (outcome !== outcomes.next) {
        this.finalize(outcome)
        return
      }
      outcome = this.#nextStep()
    }
  }

  /** The next handler of the server or location; behind them all, content, and 404 where there is none. */
  #nextStep(): number {
    const step = this.#step++
    if (this.#inServer) {
      const { handlers } = this.server
      return step < handlers.length ? handlers[step]!(this) : outcomes.relocate
    }
    const { handlers, contents } = this.location
    if (step < handlers.length) return handlers[step]!(this)
    const index = step - handlers.length
    return index < contents.length ? contents[index]!(this) : this.#noContent()
  }

  #noContent(): number {
    if (!this.uri.endsWith('/')) return 404
    this.logError(`directory index of "${requestFilename(this)}" is forbidden`)
    return 403
  }

  #enterLocation(): number {
    if (this.#redirects > internalRedirectsMax) {
      this.logError(`rewrite or internal redirection cycle while processing "${this.uri}"`)
      return 500
    }
    this.#inServer = false
    this.#step = 0
    this.location = this.server.locations.find(this.uri, this) ?? this.server.fallback
    return this.#checkLocation()
  }

  #checkLocation(): number {
    const { core } = this.location
    if (core.internal && !this.internal) return 404
    const max = core.client_max_body_size
    if (max > 0 && this.framing.contentLength > max) {
      this.logError(`client intended to send too large body: ${this.framing.contentLength} bytes`)
      return 413
    }
    this.body.limit(max)
    const { keepalive_timeout: keepAlive } = core
    if (keepAlive.ms === 0) this.keepAlive = false
    return outcomes.next
  }

  /** Begins again with another URI, as `index`, `error_page` and the like do. Returns what `#run` goes on with. */
  redirect(uri: string, args: string): number {
    this.#redirects += 1
    this.uri = uri
    this.args = args
    this.hasArgs = args !== ''
    this.internal = true
    this.#inServer = true
    this.#step = 0
    return this.#redirects > internalRedirectsMax ? this.#tooManyRedirects() : outcomes.next
  }

  #tooManyRedirects(): number {
    this.logError(
      `rewrite or internal redirection cycle while internally redirecting to "${this.uri}"`,
    )
    return 500
  }

  /** Goes to a named location; 500 where there is none. */
  redirectToNamed(name: string): number {
    const location = this.server.locations.named(name)
    if (location === undefined) {
      this.logError(`could not find named location "${name}"`)
      return 500
    }
    this.#redirects += 1
    if (this.#redirects > internalRedirectsMax) return this.#tooManyRedirects()
    this.internal = true
    this.location = location
    this.#inServer = false
    this.#step = 0
    return outcomes.next
  }

  /** The client's fault, before there is anything to serve: answered and closed. */
  refuse(status: number, problem: string): void {
    const { errorLog } = this.server
    if (errorLog.takes('info')) {
      errorLog.write(
        'info',
        `client sent ${problem}, ${this.connection.logContext()}`,
        this.connection.number,
      )
    }
    this.keepAlive = false
    this.body.fail(status)
    this.finalize(status)
  }

  /** Ends the request with a status: by its `error_page`, by nginx's page, or without a word. */
  finalize(status: number): void {
    if (this.finished) return
    if (this.response.headSent || isSilent(status)) {
      if (!this.response.headSent) this.response.status = status
      this.connection.abort()
      return
    }
    this.producer = undefined
    if (closesConnection(status)) this.keepAlive = false
    const next = errorPageOf(this, status)
    if (next === undefined) sendStatus(this, status)
    else this.#run(next)
  }

  /** Sends a whole body and ends. */
  respond(body: string | Buffer): void {
    const { response, connection } = this
    response.contentLength = typeof body === 'string' ? Buffer.byteLength(body) : body.length
    this.sendHead()
    if (!response.headOnly && response.contentLength > 0) {
      this.bodyBytesSent += response.contentLength
      if (typeof body === 'string') connection.sendText(body)
      else connection.sendBytes(body)
    }
    this.end()
  }

  /** Runs the header filters and writes the head. */
  sendHead(): void {
    const { response } = this
    if (this.errorStatus !== 0) response.status = this.errorStatus
    for (const filter of this.location.headerFilters) filter(this)
    if (this.connection.closing || this.#leavesBody()) this.keepAlive = false
    const text = renderHead(this)
    response.headSent = true
    this.connection.sendText(text)
  }

  /** A body that was not asked for (RFC 9110 §10.1.1), or is too long to be read for nobody. */
  #leavesBody(): boolean {
    const { body, framing } = this
    return body.unread && (framing.expectContinue || framing.contentLength > discardedBodyBytesMax)
  }

  /** Sends a piece of the body; false asks to wait for `onWritable`. `chunk` may be used again. */
  write(chunk: Buffer): boolean {
    const { response, connection } = this
    if (response.headOnly || chunk.length === 0) return true
    this.bodyBytesSent += chunk.length
    if (response.chunked) connection.sendText(`${chunk.length.toString(16)}\r\n`)
    connection.sendBytes(chunk)
    if (response.chunked) connection.sendText('\r\n')
    return connection.writable
  }

  /** The body is complete. */
  end(): void {
    if (this.finished) return
    const { response } = this
    this.producer = undefined
    if (response.chunked && !response.headOnly) this.connection.sendText('0\r\n\r\n')
    this.finished = true
    this.connection.onResponseEnd()
  }

  /** Writes the logs; the connection calls it once, when the response is handed over or lost. */
  log(): void {
    for (const handler of this.location.logs) handler(this)
  }

  logError(message: string, level: 'error' | 'warn' | 'info' | 'crit' = 'error'): void {
    const { errorLog } = this
    if (errorLog.takes(level)) {
      errorLog.write(level, `${message}, ${this.logContext()}`, this.connection.number)
    }
  }

  logContext(): string {
    const { head } = this
    const line = head.text(head.methodStart, head.lineEnd)
    const host = this.head.value(0)
    const context = `${this.connection.logContext()}, request: "${line}"`
    return host === undefined ? context : `${context}, host: "${host}"`
  }

  get(slot: number): VariableValue {
    return this.#cache.read(this, slot)
  }

  store(slot: number, value: VariableValue): void {
    this.#cache.store(slot, value)
  }
}

/** Statuses that stand in the log only: nobody is there to be told, or nobody shall be. */
function isSilent(status: number): boolean {
  return status === statuses.close || status === 408 || status === statuses.clientClosed
}
