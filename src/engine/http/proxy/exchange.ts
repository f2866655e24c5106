/**
 * One request passed on: finds a server, calls it, hands its response to the client, and calls the next
 * server where one fails.
 *
 * ```text
 *   body read ─▶ target ─▶ peer ─▶ call ─▶ head ─▶ body ─▶ over
 *                           ▲        │       │
 *                           └────────┴───────┘ failed, and proxy_next_upstream allows it
 * ```
 *
 * Exchanges are used again and again; while one is idle it refers to no request.
 */
import type { UpstreamCell } from '../../modules/upstreams/upstream-cells.ts'
import type { Group } from '../../upstream/group.ts'
import type { KeepalivePool } from '../../upstream/keepalive-pool.ts'
import type { PeerQueue, QueueWaiter } from '../../upstream/peer-queue.ts'
import type { Peer } from '../../upstream/peer.ts'
import { bodyStorageOf } from '../modules/request-body.ts'
import type { BodyProducer, Request } from '../request.ts'
import { statuses } from '../status.ts'
import { readWhole } from '../stored-body.ts'
import { UpstreamTrail } from '../upstream-trail.ts'
import { upstreamNameId } from '../upstream-names.ts'
import { boundPeer, rememberAtEnd, rememberAtHead } from '../upstream-sticky.ts'
import { Attempts, cancelled } from './attempts.ts'
import { accelBuffering, accelRedirect, goToAccel } from './accel.ts'
import { ClientFeed } from './client-feed.ts'
import { composeResponse } from './compose-response.ts'
import { passInterim } from './early-hints.ts'
import { findTarget, targetOf, type TargetSink } from './find-target.ts'
import { failureOfStatus, failures, statusOfFailure } from './next-upstream.ts'
import { streamsBody } from './request-sender.ts'
import type { ProxySettings } from './settings.ts'
import type { ProxyUrl } from './target.ts'
import { startTunnel } from './tunnel.ts'
import { type Caller, stages, UpstreamCall } from './upstream-call.ts'
import type { UpstreamConnection } from './upstream-connection.ts'
import type { Wire } from './wire.ts'

const challengeId = upstreamNameId('www-authenticate')

/** No server is left to be asked. */
const noLive = 0x4000_0000

export class ProxyExchange implements BodyProducer, Caller, TargetSink, QueueWaiter {
  #request: Request | undefined = undefined
  #settings: ProxySettings | undefined = undefined
  #trail: UpstreamTrail | undefined = undefined
  /** Where it waits for a peer, while it does. */
  #queue: PeerQueue | undefined = undefined
  readonly #onIdle: (exchange: ProxyExchange) => void
  readonly #call: UpstreamCall
  readonly #attempts = new Attempts()
  readonly #feed = new ClientFeed()

  /** `onIdle` is told when it is ready for another request. */
  constructor(wire: Wire, onIdle: (exchange: ProxyExchange) => void) {
    this.#onIdle = onIdle
    this.#call = new UpstreamCall(wire, this)
  }

  /** Takes a request over. */
  start(request: Request, settings: ProxySettings): void {
    this.#request = request
    this.#settings = settings
    const trail = (request.trail ??= new UpstreamTrail())
    this.#trail = trail
    this.#attempts.prepare(request, settings, trail)
    this.#call.begin(request, settings, trail.head)
    request.producer = this
    const { framing, parent } = request
    if (!framing.hasBody || parent !== undefined || streamsBody(request, settings)) {
      findTarget(request, settings, this)
      return
    }
    readWhole(request, bodyStorageOf(request.location), (status) => {
      if (this.#request !== request || this.#call.stage !== stages.preparing) return
      if (status === 0) findTarget(request, settings, this)
      else this.#refuse(status)
    })
  }

  onNoTarget(status: number): void {
    if (this.#request !== undefined) this.#refuse(status)
  }

  onTarget(url: ProxyUrl, group: Group, cell: UpstreamCell | undefined): void {
    const request = this.#request!
    const settings = this.#settings!
    const trail = this.#trail!
    const target = targetOf(request, settings, url)
    trail.proxyHost = url.host
    trail.proxyPort = url.port
    trail.target = target
    this.#call.aim(url.tls, cell?.pool as KeepalivePool<UpstreamConnection> | undefined, target)
    this.#attempts.enter(group, boundPeer(group, request))
    trail.scheme = url.scheme
    this.#connect()
  }

  #connect(): void {
    const peer = this.#attempts.pick()
    if (peer === undefined) this.#queue = this.#attempts.wait(this)
    if (this.#queue === undefined) this.#ask(peer)
  }

  onPeerFree(): boolean {
    const peer = this.#attempts.pick()
    if (peer === undefined) return false
    const { carrier } = this.#request!
    this.#queue = undefined
    carrier.cork()
    this.#ask(peer)
    carrier.uncork()
    return true
  }

  onQueueTimeout(): void {
    this.#queue = undefined
    this.#call.log('upstream queue timed out')
    this.#refuse(502)
  }

  #ask(peer: Peer | undefined): void {
    const fresh = this.#attempts.begin(peer)
    if (this.#call.ask(peer, fresh)) return
    this.#call.log('no live upstreams')
    this.#fail(noLive)
  }

  onConnection(): void {
    this.#attempts.onConnected()
  }

  /** Before a head was passed on another server may be asked; behind it there is nothing to be done. */
  onFailed(failure: number, fault: string): void {
    this.#attempts.blame(fault)
    if (this.#call.stage < stages.body) this.#fail(failure)
    else this.#refuse(502)
  }

  /** Ends the request with a status, and the attempt with what has gone wrong with it. */
  onHopeless(status: number, fault: string): void {
    this.#attempts.blame(fault)
    this.#refuse(status)
  }

  onInterim(): void {
    passInterim(this.#request!, this.#trail!.head, this.#settings!)
  }

  onFault(problem: string): void {
    this.#call.log(problem)
    this.onFailed(failures.invalid_header, 'invalid_header')
  }

  onHead(): boolean {
    const request = this.#request!
    const settings = this.#settings!
    const { head } = this.#trail!
    if (this.#attempts.onHead(head.status)) this.#logDisabled()
    if (head.status === 101) return this.#switch()
    const failure = failureOfStatus(head.status)
    if (failure !== 0 && this.#mayGoOn(failure, 1)) {
      this.#fail(failure)
      return false
    }
    if (settings.interceptErrors && this.#intercepts(head.status)) return false
    const place = accelRedirect(head, settings)
    if (place !== undefined) return this.#redirect(place)
    composeResponse(request, head, settings, this.#call.reader.framing)
    rememberAtHead(this.#attempts.group, request, this.#attempts.peer!)
    this.#call.stage = stages.body
    const buffered = accelBuffering(head, settings)
    this.#feed.begin(request, buffered ? settings.spool : undefined)
    if (buffered && settings.limitRate !== undefined) {
      this.#call.hold.limit(request, settings.limitRate)
    }
    const refusal = request.sendHead()
    if (refusal !== 0) {
      this.#refuse(refusal)
      return false
    }
    return head.status !== 204 && head.status !== 304 && !settings.plan.isHead(request)
  }

  onBody(chunk: Buffer, from: number, to: number): void {
    this.#attempts.current.responseLength += to - from
    const { hold } = this.#call
    if (!this.#keep(chunk, from, to)) hold.clientFull()
    hold.count(to - from)
  }

  onTrailer(name: string, value: string): void {
    const { trailerNames, trailerValues } = this.#trail!
    trailerNames.push(name)
    trailerValues.push(value)
  }

  onComplete(rest: number): void {
    if (rest > 0) {
      this.#call.log('upstream sent more data than specified in "Content-Length" header', 'warn')
    }
    rememberAtEnd(this.#attempts.group, this.#request!, this.#attempts.peer!)
    const { trailers } = this.#call.reader
    if (trailers !== undefined && trailers !== '') this.#trail!.setTrailers(trailers)
    this.#endAttempt(false)
    this.#call.complete(rest === 0)
    if (this.#feed.empty) this.#finish()
  }

  onWritable(): void {
    const open = this.#feed.onWritable()
    if (this.#call.stage === stages.rest) {
      if (this.#feed.empty) this.#finish()
    } else if (open) this.#call.hold.clientOpen()
  }

  onClientEnd(): void {
    if (this.#settings!.ignoreClientAbort) return
    this.#call.log(
      'client prematurely closed connection, so upstream connection is closed too',
      'info',
    )
    this.onHopeless(statuses.clientClosed, cancelled)
  }

  onAbort(): void {
    // Its body has ended it already, where the client went within that.
    if (this.#request === undefined) return
    const { connection, sender } = this.#call
    if (this.#settings!.ignoreClientAbort && connection !== undefined && sender.sent) {
      this.#endAttempt(false)
      this.#call.leaveAlone()
    } else this.#attempts.blame(cancelled)
    this.#release()
  }

  /** Hands a piece on; a file that cannot be written ends the request. */
  #keep(chunk: Buffer, from: number, to: number): boolean {
    try {
      return this.#feed.push(chunk, from, to)
    } catch (error) {
      this.#request!.logError(
        `buffering of the response failed: ${(error as Error).message}`,
        'crit',
      )
      this.#refuse(500)
      return true
    }
  }

  #mayGoOn(failure: number, spare: number): boolean {
    return this.#attempts.mayGoOn(failure, spare, this.#call.sender.consumed)
  }

  #fail(failure: number): void {
    const status = statusOfFailure(failure)
    const { connection } = this.#call
    const stale = failure === failures.error && connection?.reused === true
    this.#attempts.current.status = status
    if (stale && this.#mayGoOn(failure, 0)) {
      this.#attempts.repeat(connection)
    } else {
      this.#endAttempt(failure !== failures.http_403 && failure !== failures.http_404)
    }
    this.#call.hangUp()
    if (this.#attempts.repeats || this.#mayGoOn(failure, 0)) this.#connect()
    else this.#refuse(status)
  }

  #endAttempt(failed: boolean): void {
    if (this.#attempts.end(this.#call.connection, failed)) this.#logDisabled()
  }

  /** `proxy_intercept_errors`: a page of ours in place of the upstream's. */
  #intercepts(status: number): boolean {
    const request = this.#request!
    if (status < 300) return false
    if (!request.location.core.error_page.some(({ codes }) => codes.includes(status))) return false
    if (status === 401) request.response.challenge = this.#trail!.head.valueOf(challengeId)
    this.#refuse(status)
    return true
  }

  #redirect(place: string): boolean {
    const request = this.#request!
    const { head } = this.#trail!
    this.#release()
    request.resume(goToAccel(request, head, place))
    return false
  }

  /** The upstream speaks another protocol from now on, if the client has asked for that. */
  #switch(): boolean {
    const request = this.#request!
    const { head } = this.#trail!
    if (!request.framing.upgrade) {
      this.onFault('upstream sent unexpected 101 response')
      return false
    }
    composeResponse(request, head, this.#settings!, this.#call.reader.framing)
    request.response.contentLength = -1
    const refusal = request.sendHead()
    if (refusal !== 0) {
      this.#refuse(refusal)
      return false
    }
    const call = this.#call
    const rest = call.behindHead
    call.reader.stop()
    request.producer = undefined
    const began = startTunnel(call.connection!, rest, {
      request,
      attempt: this.#attempts.current,
      silenceMaxMs: this.#settings!.readTimeoutMs,
      onEnd: () => {
        this.#endAttempt(false)
        this.#recycle()
      },
    })
    if (began) call.connection = undefined
    else this.#refuse(502)
    return false
  }

  #finish(): void {
    const request = this.#request!
    const { passTrailers } = this.#settings!
    if (passTrailers) addTrailers(request, this.#trail!)
    this.#recycle()
    request.end()
  }

  /** Ends the request with a status; what is under way at the upstream is given up. */
  #refuse(status: number): void {
    const request = this.#request!
    const { carrier } = request
    this.#release()
    carrier.cork()
    request.finalize(status)
    carrier.uncork()
  }

  #release(): void {
    const request = this.#request
    if (request === undefined) return
    if (request.producer === this) request.producer = undefined
    this.#queue?.leave(this)
    this.#queue = undefined
    if (this.#call.connection !== undefined) {
      this.#endAttempt(false)
      this.#call.hangUp()
    }
    this.#recycle()
  }

  /** Makes it ready for another request. */
  #recycle(): void {
    this.#call.clear()
    this.#feed.close()
    this.#request = undefined
    this.#settings = undefined
    this.#trail = undefined
    this.#attempts.clear()
    this.#onIdle(this)
  }

  #logDisabled(): void {
    this.#call.log('upstream server temporarily disabled', 'warn')
  }
}

function addTrailers({ response }: Request, trail: UpstreamTrail): void {
  for (const [i, name] of trail.trailerNames.entries()) {
    response.addTrailer(name, trail.trailerValues[i]!)
  }
}
