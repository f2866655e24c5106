/**
 * Requests that the engine makes of itself and nobody waits for, as `mirror` does.
 *
 * They may take longer than the request that they were made for, whose connection goes on meanwhile: so
 * they are subrequests of a twin of it, which has a head and a body of its own.
 *
 * ```text
 *   client ──▶ request ──▶ response ──▶ next request
 *                 └─ copy ─▶ twin ──▶ subrequest ──▶ its response is thrown away
 * ```
 */
import type { Carrier, HttpProtocol } from './carrier.ts'
import { backgroundRequestsMax } from './limits.ts'
import type { Request } from './request.ts'
import { startSubrequest } from './subrequest.ts'
import { RequestSpan } from './telemetry/request-span.ts'

export interface BackgroundOptions {
  readonly uri: string
  readonly args: string
  /** It has a copy of the body, which must have been read whole. */
  readonly withBody: boolean
}

let underWay = 0

/** Begins one with the method of the original. */
export function startBackgroundRequest(original: Request, options: BackgroundOptions): void {
  if (underWay >= backgroundRequestsMax) {
    original.logError(`${backgroundRequestsMax} background requests are not enough`, 'alert')
    return
  }
  const { connection, server, carrier, method } = original
  const { engine } = connection
  const twin = engine.takeSubrequest(connection, new NobodysCarrier(carrier.protocol), server)
  copy(original, twin)
  if (options.withBody) twin.storedBody = original.storedBody?.share()
  underWay += 1
  const onDone = (): void => {
    underWay -= 1
    // Its subrequest is given back first: it borrows from it.
    setImmediate(() => engine.giveRequest(twin))
  }
  startSubrequest(twin, { ...options, method, onDone })
}

/** What a twin needs of its original, which may end before it does. */
function copy(original: Request, twin: Request): void {
  twin.head.copyFrom(original.head)
  twin.framing.read(twin.head)
  twin.values.copyFrom(original.values)
  twin.location = original.location
  twin.method = original.method
  twin.uri = original.uri
  twin.args = original.args
  twin.hasArgs = original.hasArgs
  twin.host = original.host
  twin.remote = original.remote
  twin.captures = original.captures
  twin.startedAt = original.startedAt
  twin.begunAt = original.begunAt
  twin.variables = original.variables
  if (original.span !== undefined) (twin.span ??= new RequestSpan()).copyFrom(original.span)
}

/** Nothing is ever sent through it. */
class NobodysCarrier implements Carrier {
  readonly protocol: HttpProtocol
  readonly writable = true

  constructor(protocol: HttpProtocol) {
    this.protocol = protocol
  }

  cork(): void {}

  uncork(): void {}

  sendHead(): void {}

  sendInterim(): void {}

  sendBody(): void {}

  endBody(): void {}

  wantBody(): void {}

  pauseBody(): void {}

  onResponseEnd(): void {}

  abort(): void {}

  takeOver(): undefined {}
}
