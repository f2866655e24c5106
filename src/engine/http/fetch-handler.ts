/**
 * Web-standard handlers: a `fetch` function serves a location.
 *
 * ```ts
 * const hello = fetchHandler((request) => new Response(`hello ${new URL(request.url).pathname}`))
 * ```
 *
 * Bodies stream both ways and no faster than their readers: a request body is read as the handler reads
 * it, a response body is read as the client takes it. `request.signal` aborts when the client goes away.
 */
import { randomBytes } from 'node:crypto'
import { formatHost } from '../net/address.ts'
import { type PeerCredentials, peerCredentials } from '../net/peer-credentials.ts'
import type { Socket } from '../net/socket.ts'
import { SecureSocket } from '../net/tls/secure-socket.ts'
import { outcomes, type Handler } from './module.ts'
import type { BodyProducer, Request } from './request.ts'
import { RequestStream } from './request-stream.ts'
import { ResponsePump } from './response-pump.ts'

/** What is told beside the request. */
export interface FetchContext {
  /** The client's address, without its port; `unix:` for unix sockets. */
  readonly remoteAddress: string
  /** The address of ours that it came in at, in the same form. */
  readonly localAddress: string
  /** True over TLS. */
  readonly secure: boolean
  /** Who has the other end, where that is a unix socket and the system tells. */
  readonly credentials: PeerCredentials | undefined
  /** Subject (RFC 2253) of the client's certificate, where it has shown one that was verified. */
  readonly certificateSubject: string | undefined
}

type WebRequest = globalThis.Request
type WebResponse = globalThis.Response

export type FetchFunction = (
  request: WebRequest,
  context: FetchContext,
) => WebResponse | Promise<WebResponse>

/** Makes a content handler of a fetch function. */
export function fetchHandler(serve: FetchFunction): Handler {
  return (request) => new FetchExchange(request, serve).start()
}

/** Reads what most handlers do not ask for when it is asked for. */
class RequestContext implements FetchContext {
  readonly remoteAddress: string
  readonly localAddress: string
  readonly secure: boolean
  readonly #socket: Socket

  constructor({ connection, remote }: Request) {
    this.remoteAddress = formatHost(remote)
    this.localAddress = formatHost(connection.socket.local)
    this.secure = connection.secure
    this.#socket = connection.socket
  }

  get credentials(): PeerCredentials | undefined {
    return peerCredentials(this.#socket)
  }

  get certificateSubject(): string | undefined {
    const facts = this.#socket instanceof SecureSocket ? this.#socket.facts : undefined
    return facts?.verifyFault === undefined ? facts?.peerCertificate?.subject : undefined
  }
}

/** One request that a fetch function answers. */
class FetchExchange implements BodyProducer {
  readonly #request: Request
  readonly #serve: FetchFunction
  readonly #abort = new AbortController()
  #pump: ResponsePump | undefined
  #body: RequestStream | undefined
  #over = false

  constructor(request: Request, serve: FetchFunction) {
    this.#request = request
    this.#serve = serve
  }

  start(): number {
    const request = this.#request
    const web = this.#toWeb()
    if (web === undefined) return 400
    request.producer = this
    this.#run(web).catch((error: unknown) => this.#fail(error))
    return outcomes.done
  }

  async #run(web: WebRequest): Promise<void> {
    const response = await this.#serve(web, new RequestContext(this.#request))
    if (this.#over) {
      await response.body?.cancel()
      return
    }
    if (!(response instanceof globalThis.Response)) {
      throw new TypeError('a handler must return a Response')
    }
    this.#pump = new ResponsePump(this.#request, response)
    await this.#pump.run()
  }

  onWritable(): void {
    this.#pump?.onWritable()
  }

  onClientEnd(): void {
    this.#request.carrier.abort()
  }

  onAbort(): void {
    if (this.#over) return
    this.#over = true
    const reason = new DOMException('the client has gone', 'AbortError')
    this.#abort.abort(reason)
    this.#pump?.abort(reason)
  }

  /** `undefined` for what is no URL: hosts that RFC 3986 allows and the URL standard does not. */
  #toWeb(): WebRequest | undefined {
    const request = this.#request
    const { head, body } = request
    const init: RequestInit & { duplex?: 'half' } = {
      method: head.text(head.methodStart, head.methodEnd),
      headers: toHeaders(request),
      signal: this.#abort.signal,
    }
    if (!body.complete && !request.isHead && init.method !== 'GET') {
      this.#body = new RequestStream(request, (status) => this.#bodyFailed(status))
      init.body = this.#body.stream
      init.duplex = 'half'
    }
    try {
      return new globalThis.Request(urlOf(request), init)
    } catch (error) {
      if (error instanceof TypeError) return undefined
      throw error
    }
  }

  /** Too large or broken: the handler's own answer would come too late. */
  #bodyFailed(status: number): void {
    const request = this.#request
    if (this.#over || request.response.headSent || this.#pump !== undefined) return
    this.#over = true
    request.producer = undefined
    this.#abort.abort(new DOMException('the request body is not complete', 'AbortError'))
    request.finalize(status)
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#over = true
    const request = this.#request
    const id = randomBytes(4).toString('hex')
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    request.logError(`handler failed, error id ${id}: ${text}`)
    if (!request.response.headSent) {
      request.response.clear()
      request.response.add('X-Error-Id', id)
    }
    request.finalize(500)
  }
}

function urlOf(request: Request): string {
  const { head, scheme } = request
  const host = head.value(0) ?? (request.server.name === '' ? 'localhost' : request.server.name)
  const start = head.authorityStart < 0 ? head.targetStart : head.pathStart
  const target = head.text(start, head.targetEnd)
  return `${scheme}://${host}${target.startsWith('/') ? target : `/${target}`}`
}

function toHeaders({ head }: Request): Headers {
  const headers = new Headers()
  for (let field = 0; field < head.count; field++) {
    const name = head.bytes.toString('latin1', head.nameStart(field), head.nameEnd(field))
    headers.append(
      name,
      head.bytes.toString('latin1', head.valueStart(field), head.valueEnd(field)),
    )
  }
  return headers
}
