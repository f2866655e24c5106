/**
 * One request passed on: finds a server, sends the request, hands its response to the client, and asks the
 * next server where one fails.
 *
 * ```text
 *   body read ─▶ target ─▶ peer ─▶ connected ─▶ sent ─▶ head ─▶ body ─▶ over
 *                           ▲         │           │       │
 *                           └─────────┴───────────┴───────┘ failed, and proxy_next_upstream allows it
 * ```
 *
 * Exchanges are used again and again; while one is idle it refers to no request.
 */
import type { UpstreamCell } from '../../modules/upstreams/upstream-cells.ts'
import { failureText } from '../../net/errors.ts'
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
import { Attempts } from './attempts.ts'
import { accelBuffering, accelRedirect, goToAccel } from './accel.ts'
import { ClientFeed } from './client-feed.ts'
import { composeResponse } from './compose-response.ts'
import { passInterim } from './early-hints.ts'
import { findTarget, targetOf, type TargetSink } from './find-target.ts'
import { failureOfStatus, failures, statusOfFailure } from './next-upstream.ts'
import { ReadHold } from './read-hold.ts'
import { type SenderOwner, streamsBody } from './request-sender.ts'
import type { ResponseSink } from './response-reader.ts'
import type { ProxySettings } from './settings.ts'
import type { ProxyUrl } from './target.ts'
import { startTunnel } from './tunnel.ts'
import { type ConnectionUser, UpstreamConnection } from './upstream-connection.ts'
import { type UpstreamReader, type UpstreamSender, type Wire } from './wire.ts'

const stages = {
  idle: 0,
  preparing: 1,
  connecting: 2,
  sending: 3,
  head: 4,
  body: 5,
  rest: 6,
} as const

const actions = [
  '',
  '',
  'connecting to upstream',
  'sending request to upstream',
  'reading response header from upstream',
  'reading upstream',
  'sending to client',
]

const challengeId = upstreamNameId('www-authenticate')

/** Fault of an attempt that nobody waits for any more. */
const cancelled = 'cancelled'

/** No server is left to be asked. */
const noLive = 0x4000_0000

export class ProxyExchange
  implements BodyProducer, ConnectionUser, ResponseSink, SenderOwner, TargetSink, QueueWaiter
{
  #request: Request | undefined = undefined
  #settings: ProxySettings | undefined = undefined
  #trail: UpstreamTrail | undefined = undefined
  #connection: UpstreamConnection | undefined = undefined
  #pool: KeepalivePool<UpstreamConnection> | undefined = undefined
  /** Where it waits for a peer, while it does. */
  #queue: PeerQueue | undefined = undefined
  #chunk: Buffer | undefined = undefined
  readonly #onIdle: (exchange: ProxyExchange) => void
  readonly #reader: UpstreamReader
  readonly #sender: UpstreamSender
  readonly #attempts = new Attempts()
  readonly #feed = new ClientFeed()
  readonly #hold = new ReadHold()
  #stage: number = stages.idle
  #tls = false
  #securing = false

  /** `onIdle` is told when it is ready for another request. */
  constructor(wire: Wire, onIdle: (exchange: ProxyExchange) => void) {
    const { reader, sender } = wire.create(this)
    this.#onIdle = onIdle
    this.#reader = reader
    this.#sender = sender
  }

  /** Takes a request over. */
  start(request: Request, settings: ProxySettings): void {
    this.#request = request
    this.#settings = settings
    const trail = (request.trail ??= new UpstreamTrail())
    this.#trail = trail
    this.#attempts.prepare(request, settings, trail)
    this.#stage = stages.preparing
    request.producer = this
    const { framing, parent } = request
    if (!framing.hasBody || parent !== undefined || streamsBody(request, settings)) {
      findTarget(request, settings, this)
      return
    }
    readWhole(request, bodyStorageOf(request.location), (status) => {
      if (this.#request !== request || this.#stage !== stages.preparing) return
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
    this.#tls = url.tls
    this.#pool = cell?.pool as KeepalivePool<UpstreamConnection> | undefined
    this.#sender.begin(request, settings, target)
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
    this.#log('upstream queue timed out')
    this.#refuse(502)
  }

  #ask(peer: Peer | undefined): void {
    const fresh = this.#attempts.begin(peer)
    this.#stage = stages.connecting
    this.#securing = false
    if (peer === undefined) {
      this.#log('no live upstreams')
      this.#fail(noLive)
      return
    }
    const key = this.#keyFor(peer)
    const waiting = fresh ? undefined : this.#pool?.take(key)
    if (waiting === undefined) this.#open(peer, key)
    else {
      waiting.take(this)
      this.#connection = waiting
      this.#send(waiting)
    }
  }

  /** Connections are the same when they lead to one address in one way. */
  #keyFor(peer: Peer): string {
    const { secure, poolKey, bindsAddress } = this.#settings!
    if (!this.#tls) return bindsAddress ? `${peer.name} ${poolKey}` : peer.name
    return `${peer.name} ${secure.nameFor(this.#request!)} ${poolKey}`
  }

  #open(peer: Peer, key: string): void {
    const request = this.#request!
    const { connectOptions, connectTimeoutMs, secure } = this.#settings!
    const { transport, timers } = request.connection.engine.services
    const name = this.#tls ? secure.nameFor(request) : ''
    const connection = new UpstreamConnection(this, {
      transport,
      timers,
      peer,
      key,
      options: connectOptions(request),
      startTls: this.#tls
        ? (socket, handler) => secure.start(name, peer, socket, handler)
        : undefined,
    })
    this.#connection = connection
    connection.wait(connectTimeoutMs)
  }

  #send(connection: UpstreamConnection): void {
    const { names, headBytesMax, readTimeoutMs } = this.#settings!
    this.#attempts.onConnected()
    connection.requests += 1
    this.#hold.begin(connection, readTimeoutMs)
    this.#stage = stages.sending
    this.#reader.begin(this.#trail!.head, names, headBytesMax)
    this.#sender.start(connection)
  }

  onSecuring(): void {
    this.#securing = true
    this.#connection!.wait(this.#settings!.connectTimeoutMs)
  }

  onConnected(): void {
    this.#securing = false
    this.#send(this.#connection!)
  }

  onSending(full: boolean): void {
    const { sendTimeoutMs } = this.#settings!
    if (full) this.#connection?.wait(sendTimeoutMs)
    else if (this.#stage === stages.sending) this.#connection?.stopWaiting()
  }

  onSent(): void {
    if (this.#stage !== stages.sending) return
    this.#stage = stages.head
    this.#connection?.wait(this.#settings!.readTimeoutMs)
  }

  onUpstreamDrain(): void {
    this.#sender.onDrain()
  }

  onClientBodyError(status: number): void {
    this.#giveUp(status, cancelled)
  }

  onUpstreamData(chunk: Buffer): void {
    const { carrier } = this.#request!
    carrier.cork()
    const connection = this.#connection!
    this.#chunk = chunk
    this.#reader.read(chunk)
    // Most responses are over by now, and the connection is somebody else's.
    if (connection.user === this && !this.#hold.held) {
      connection.wait(this.#settings!.readTimeoutMs)
    }
    carrier.uncork()
  }

  onUpstreamEnd(): void {
    const { carrier } = this.#request!
    carrier.cork()
    if (!this.#reader.endOfInput()) this.#endedEarly()
    carrier.uncork()
  }

  onUpstreamClosed(error: NodeJS.ErrnoException | undefined): void {
    const { carrier } = this.#request!
    carrier.cork()
    if (error === undefined && this.#stage >= stages.sending) this.onUpstreamEnd()
    else {
      if (error !== undefined) this.#logError(error)
      if (error?.syscall === 'bind') this.#giveUp(500, error.code ?? 'error')
      else this.#broken(failures.error, error?.code ?? 'error')
    }
    carrier.uncork()
  }

  onUpstreamTimeout(): void {
    const { carrier } = this.#request!
    carrier.cork()
    this.#log('upstream timed out (110: Connection timed out)')
    this.#broken(failures.timeout, 'timeout')
    carrier.uncork()
  }

  onInterim(): void {
    passInterim(this.#request!, this.#trail!.head, this.#settings!)
  }

  onFault(problem: string): void {
    this.#log(problem)
    this.#broken(failures.invalid_header, 'invalid_header')
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
    composeResponse(request, head, settings, this.#reader.framing)
    rememberAtHead(this.#attempts.group, request, this.#attempts.peer!)
    this.#stage = stages.body
    const buffered = accelBuffering(head, settings)
    this.#feed.begin(request, buffered ? settings.spool : undefined)
    if (buffered && settings.limitRate !== undefined) this.#hold.limit(request, settings.limitRate)
    const refusal = request.sendHead()
    if (refusal !== 0) {
      this.#refuse(refusal)
      return false
    }
    return head.status !== 204 && head.status !== 304 && !settings.plan.isHead(request)
  }

  onBody(chunk: Buffer, from: number, to: number): void {
    this.#attempts.current.responseLength += to - from
    if (!this.#keep(chunk, from, to)) this.#hold.clientFull()
    this.#hold.count(to - from)
  }

  onTrailer(name: string, value: string): void {
    const { trailerNames, trailerValues } = this.#trail!
    trailerNames.push(name)
    trailerValues.push(value)
  }

  onComplete(rest: number): void {
    const connection = this.#connection!
    const { keepAlive } = this.#reader.framing
    if (rest > 0)
      this.#log('upstream sent more data than specified in "Content-Length" header', 'warn')
    rememberAtEnd(this.#attempts.group, this.#request!, this.#attempts.peer!)
    const bounded = !this.#reader.endedWithInput && rest === 0 && this.#sender.sent
    const { trailers } = this.#reader
    if (trailers !== undefined && trailers !== '') this.#trail!.setTrailers(trailers)
    this.#endAttempt(false)
    this.#connection = undefined
    this.#chunk = undefined
    if (this.#pool !== undefined && keepAlive && bounded && !this.#hold.held)
      connection.keep(this.#pool)
    else connection.close()
    this.#stage = stages.rest
    if (this.#feed.empty) this.#finish()
  }

  onWritable(): void {
    const open = this.#feed.onWritable()
    if (this.#stage === stages.rest) {
      if (this.#feed.empty) this.#finish()
    } else if (open) this.#hold.clientOpen()
  }

  onClientEnd(): void {
    if (this.#settings!.ignoreClientAbort) return
    this.#log('client prematurely closed connection, so upstream connection is closed too', 'info')
    this.#giveUp(statuses.clientClosed, cancelled)
  }

  onAbort(): void {
    // Its body has ended it already, where the client went within that.
    if (this.#request === undefined) return
    const { ignoreClientAbort, readTimeoutMs } = this.#settings!
    const connection = this.#connection
    if (ignoreClientAbort && connection !== undefined && this.#sender.sent) {
      this.#endAttempt(false)
      this.#connection = undefined
      connection.finishAlone(readTimeoutMs)
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

  /** The server has closed, or said what is no response. */
  #endedEarly(): void {
    this.#log('upstream prematurely closed connection')
    this.#broken(failures.error, 'error')
  }

  /** Before a head was passed on another server may be asked; behind it there is nothing to be done. */
  #broken(failure: number, fault: string): void {
    this.#attempts.blame(fault)
    if (this.#stage < stages.body) this.#fail(failure)
    else this.#refuse(502)
  }

  #mayGoOn(failure: number, spare: number): boolean {
    return this.#attempts.mayGoOn(failure, spare, this.#sender.consumed)
  }

  #fail(failure: number): void {
    const status = statusOfFailure(failure)
    const stale = failure === failures.error && this.#connection?.reused === true
    this.#attempts.current.status = status
    if (stale && this.#mayGoOn(failure, 0)) {
      this.#attempts.repeat(this.#connection)
    } else {
      this.#endAttempt(failure !== failures.http_403 && failure !== failures.http_404)
    }
    this.#connection?.close()
    this.#connection = undefined
    this.#reader.stop()
    if (this.#attempts.repeats || this.#mayGoOn(failure, 0)) this.#connect()
    else this.#refuse(status)
  }

  #endAttempt(failed: boolean): void {
    if (this.#attempts.end(this.#connection, failed)) this.#logDisabled()
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
    composeResponse(request, head, this.#settings!, this.#reader.framing)
    request.response.contentLength = -1
    const refusal = request.sendHead()
    if (refusal !== 0) {
      this.#refuse(refusal)
      return false
    }
    const rest = this.#chunk!.subarray(this.#reader.bodyAt)
    this.#reader.stop()
    request.producer = undefined
    const connection = this.#connection!
    const began = startTunnel(connection, rest, {
      request,
      attempt: this.#attempts.current,
      silenceMaxMs: this.#settings!.readTimeoutMs,
      onEnd: () => {
        this.#endAttempt(false)
        this.#recycle()
      },
    })
    if (began) this.#connection = undefined
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

  /** Ends the request with a status, and the attempt with what has gone wrong with it. */
  #giveUp(status: number, fault: string): void {
    this.#attempts.blame(fault)
    this.#refuse(status)
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
    if (this.#connection !== undefined) {
      this.#endAttempt(false)
      this.#connection.close()
      this.#connection = undefined
    }
    this.#recycle()
  }

  /** Makes it ready for another request. */
  #recycle(): void {
    this.#reader.stop()
    this.#sender.stop()
    this.#feed.close()
    this.#hold.end()
    this.#stage = stages.idle
    this.#request = undefined
    this.#settings = undefined
    this.#trail = undefined
    this.#attempts.clear()
    this.#pool = undefined
    this.#chunk = undefined
    this.#onIdle(this)
  }

  #log(text: string, level: 'error' | 'warn' | 'info' = 'error'): void {
    const action = this.#securing ? 'SSL handshaking to upstream' : actions[this.#stage]!
    this.#request!.logError(`${text} while ${action}`, level)
  }

  #logDisabled(): void {
    this.#log('upstream server temporarily disabled', 'warn')
  }

  /** A handshake fails with a text of its own, a connection with a system call. */
  #logError(error: NodeJS.ErrnoException): void {
    this.#log(error.syscall === undefined ? error.message : failureText(error))
  }
}

function addTrailers({ response }: Request, trail: UpstreamTrail): void {
  for (const [i, name] of trail.trailerNames.entries()) {
    response.addTrailer(name, trail.trailerValues[i]!)
  }
}
