/**
 * The servers that one request is passed to, one after the other: which is asked, how each did, and whether
 * another one may be asked.
 *
 * ```text
 *   enter ─▶ pick ─▶ begin ─▶ connected ─▶ onHead ─▶ end
 *             ▲                   │           │
 *             └───── mayGoOn ─────┴───────────┘ failed; `repeat`: the same server, over a new connection
 * ```
 *
 * Belongs to an exchange and is used again with it.
 */
import type { Group } from '../../upstream/group.ts'
import type { PeerQueue, QueueWaiter } from '../../upstream/peer-queue.ts'
import type { Peer } from '../../upstream/peer.ts'
import { PeerWalk } from '../../upstream/walk.ts'
import type { Request } from '../request.ts'
import type { UpstreamAttempt, UpstreamTrail } from '../upstream-trail.ts'
import { takesNext } from './next-upstream.ts'
import type { ProxySettings } from './settings.ts'

/** What a connection has carried for the attempt. */
interface Carried {
  readonly bytesSent: number
  readonly bytesReceived: number
}

/** Fault of an attempt that nobody waits for any more. */
export const cancelled = 'cancelled'

export class Attempts {
  #request: Request | undefined = undefined
  #settings: ProxySettings | undefined = undefined
  #trail: UpstreamTrail | undefined = undefined
  #attempt: UpstreamAttempt | undefined = undefined
  #walk: PeerWalk | undefined = undefined
  /** An earlier group of the same request was asked before. */
  #redirected = false
  /** A part of the request has gone to a server. */
  #sent = false
  /** The peer is asked again: a connection that had waited was closed by it meanwhile. */
  #again = false
  #startedAt = 0
  #attemptAt = 0

  /** For a request that nobody was asked for yet, by this exchange. */
  prepare(request: Request, settings: ProxySettings, trail: UpstreamTrail): void {
    this.#request = request
    this.#settings = settings
    this.#trail = trail
    this.#redirected = trail.count > 0
    this.#sent = false
    this.#again = false
  }

  clear(): void {
    this.#request = undefined
    this.#settings = undefined
    this.#trail = undefined
    this.#attempt = undefined
  }

  /** The one under way, as variables and logs show it. */
  get current(): UpstreamAttempt {
    return this.#attempt!
  }

  get group(): Group {
    return this.#walk!.group
  }

  get peer(): Peer | undefined {
    return this.#walk!.peer
  }

  /** The group whose peers are asked; `bound` is the one that the client is bound to. */
  enter(group: Group, bound: string): void {
    const { remote } = this.#request!
    const key = group.keyOf(this.#request!, remote.family === 'unix' ? '' : remote.host)
    if (this.#walk === undefined) this.#walk = new PeerWalk(group, key, bound)
    else this.#walk.reset(group, key, bound)
    const { nextTries } = this.#settings!
    if (nextTries > 0 && this.#walk.tries > nextTries) this.#walk.tries = nextTries
    this.#startedAt = this.#now()
  }

  /** The peer to ask now; `undefined` where none is alive. */
  pick(): Peer | undefined {
    return this.#again ? this.#walk!.peer : this.#walk!.next()
  }

  /** The queue that the request now waits in for a peer, where the group has one with room. */
  wait(waiter: QueueWaiter): PeerQueue | undefined {
    return this.#walk!.queue(waiter) ? this.#walk!.group.queue : undefined
  }

  /** True when the connection must be a new one. */
  begin(peer: Peer | undefined): boolean {
    const again = this.#again
    this.#again = false
    this.#attemptAt = this.#now()
    this.#attempt = this.#trail!.begin(this.#walk!.group.name, peer?.name, this.#redirected)
    this.#redirected = false
    this.#trail!.hasHead = false
    this.#settings!.tracing?.begin(this.#request!, this.#attempt, peer)
    return again
  }

  /** The request is about to be sent. */
  onConnected(): void {
    this.#attempt!.connectMs = this.#now() - this.#attemptAt
    this.#sent = true
  }

  /** True when the peer is out of use by that. */
  onHead(status: number): boolean {
    const attempt = this.#attempt!
    this.#trail!.hasHead = true
    attempt.headerMs = this.#now() - this.#attemptAt
    attempt.status = status
    this.#walk!.peer!.state.statistics?.countResponse(status)
    return this.#walk!.noteAnswer(attempt.headerMs, status >= 500)
  }

  /**
   * nginx's rules of when the next server is asked. `spare`: tries there must be beside this one;
   * `consumed`: a part of the body is gone that cannot be had again.
   */
  mayGoOn(failure: number, spare: number, consumed: boolean): boolean {
    if (this.#walk!.tries <= spare || (this.#sent && consumed)) return false
    const { methodName } = this.#request!
    const { next, nextTimeoutMs } = this.#settings!
    if (!takesNext(next, failure, this.#sent ? methodName : '')) return false
    return nextTimeoutMs === 0 || this.#now() - this.#startedAt < nextTimeoutMs
  }

  /** Why the one under way, if any, comes to nothing; for whoever traces it. */
  blame(fault: string): void {
    if (this.#attempt !== undefined) this.#attempt.fault = fault
  }

  /** A connection was closed while it waited: that says nothing about the peer, which is asked again. */
  repeat(carried: Carried | undefined): void {
    this.#note(carried)
    this.#again = true
  }

  get repeats(): boolean {
    return this.#again
  }

  /** True when the peer is out of use by that. */
  end(carried: Carried | undefined, failed: boolean): boolean {
    this.#note(carried)
    const walk = this.#walk!
    if (walk.peer === undefined) return false
    const { headerMs, responseMs, bytesSent, bytesReceived, status } = this.#attempt!
    walk.peer.state.statistics?.countBytes(bytesSent, bytesReceived)
    walk.recordTime('header', headerMs)
    // How long another protocol is spoken says nothing of the peer.
    if (!failed && headerMs >= 0 && status !== 101) walk.recordTime('last_byte', responseMs)
    return walk.done(failed)
  }

  #note(carried: Carried | undefined): void {
    const attempt = this.#attempt!
    attempt.responseMs = this.#now() - this.#attemptAt
    this.#settings!.tracing?.end(this.#request!, this.#trail!, this.#walk!.peer)
    if (carried === undefined) return
    attempt.bytesSent = carried.bytesSent
    attempt.bytesReceived = carried.bytesReceived
  }

  #now(): number {
    return this.#request!.connection.engine.services.transport.clock.now()
  }
}
