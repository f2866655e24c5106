/**
 * Subrequests: a request that the engine makes of itself, on behalf of one that a client has made.
 *
 * ```text
 *   client ──▶ request (waits) ──▶ subrequest through its own location ──▶ sink, or nobody
 *                   ▲                                        │
 *                   └──────────── onDone(subrequest) ◀───────┘
 * ```
 *
 * A subrequest has the head, the client and the variables of its parent, and a response of its own. It is
 * never asked for access: its parent was let in.
 */
import type { Carrier, HttpProtocol } from './carrier.ts'
import { subrequestsMax } from './limits.ts'
import { methods } from './methods.ts'
import { outcomes } from './module.ts'
import type { Request } from './request.ts'

/** Takes the body of a subrequest's response; who says that there is room again calls its `onWritable`. */
export interface SubrequestSink {
  readonly writable: boolean
  write(bytes: Buffer, from: number, to: number): void
}

export interface SubrequestOptions {
  readonly uri: string
  readonly args: string
  /** One of `methods`; GET where nothing is said. */
  readonly method?: number
  /** It has the parent's body, which must have been read whole. */
  readonly withBody?: boolean
  /** Where its body goes; nobody reads it where there is none. */
  readonly sink?: SubrequestSink
  /** It is over: answered, or, when `subrequest.response.headSent` is false, not. */
  readonly onDone: (subrequest: Request) => void
}

/** Begins one; `undefined` where requests are nested too deep. */
export function startSubrequest(parent: Request, options: SubrequestOptions): Request | undefined {
  if (depthOf(parent) >= subrequestsMax) {
    parent.logError(`subrequests cycle while processing "${options.uri}"`)
    return undefined
  }
  const { connection, server } = parent
  const carrier = new SubrequestCarrier(parent, options)
  const request = connection.engine.takeSubrequest(connection, carrier, server)
  carrier.request = request
  share(request, parent)
  if (options.withBody === true) request.storedBody = parent.storedBody?.share()
  request.uri = options.uri
  request.args = options.args
  request.hasArgs = options.args !== ''
  request.plainUri = false
  request.internal = true
  request.method = options.method ?? methods.get
  parent.children.push(request)
  request.resume(outcomes.next)
  return request
}

/** Makes it a part of another: the same head, client and variables. */
function share(request: Request, parent: Request): void {
  request.parent = parent
  request.head = parent.head
  request.framing = parent.framing
  request.values = parent.values
  request.host = parent.host
  request.remote = parent.remote
  request.captures = parent.captures
  request.startedAt = parent.startedAt
  request.begunAt = parent.begunAt
  request.variables = parent.variables
}

function depthOf(request: Request): number {
  let depth = 0
  for (let at = request.parent; at !== undefined; at = at.parent) depth += 1
  return depth
}

class SubrequestCarrier implements Carrier {
  request: Request | undefined = undefined
  readonly #parent: Request
  readonly #options: SubrequestOptions

  constructor(parent: Request, options: SubrequestOptions) {
    this.#parent = parent
    this.#options = options
  }

  get protocol(): HttpProtocol {
    return this.#parent.carrier.protocol
  }

  get writable(): boolean {
    return this.#options.sink?.writable ?? true
  }

  cork(): void {
    this.#parent.carrier.cork()
  }

  uncork(): void {
    this.#parent.carrier.uncork()
  }

  sendHead(): void {}

  sendInterim(): void {}

  sendBody(_request: Request, bytes: Buffer, from: number, to: number): void {
    this.#options.sink?.write(bytes, from, to)
  }

  endBody(): void {}

  wantBody(): void {}

  pauseBody(): void {}

  onResponseEnd(): void {
    this.#end()
  }

  abort(): void {
    this.request?.abandon()
    this.#end()
  }

  takeOver(): undefined {}

  #end(): void {
    const { request } = this
    if (request === undefined) return
    this.request = undefined
    const { children } = this.#parent
    const at = children.indexOf(request)
    if (at >= 0) children.splice(at, 1)
    if (request.location.core.log_subrequest) request.log()
    const parentLives = at >= 0
    if (parentLives) this.#options.onDone(request)
    request.connection.engine.giveRequest(request)
  }
}
