/**
 * The UDP proxy: datagrams of one client, and the answers of the upstream that was chosen for them.
 *
 * When such a session is over nobody says. It ends when as many answers came as `proxy_responses` expects,
 * or when `proxy_timeout` has passed in silence; after `proxy_requests` datagrams the client's next one
 * begins another session, while this one waits for its answers.
 */
import type { DatagramHandler, DatagramSocket } from '../../net/datagram.ts'
import { failureText } from '../../net/errors.ts'
import { formatAddress } from '../../net/address.ts'
import type { Socket, SocketHandler } from '../../net/socket.ts'
import { Timer, type TimerOwner } from '../../net/timing-wheel.ts'
import type { Group } from '../../upstream/group.ts'
import { PeerWalk } from '../../upstream/walk.ts'
import type { DatagramClient } from '../datagram-client.ts'
import type { Session, SessionContent } from '../session.ts'
import type { UpstreamAttempt } from '../session-facts.ts'
import { clientKey, newAttempt, recordTimes } from './attempt.ts'
import type { ProxySettings } from './settings.ts'

export class DatagramProxy implements SocketHandler, DatagramHandler, TimerOwner, SessionContent {
  readonly #session: Session
  readonly #settings: ProxySettings
  readonly #client: DatagramClient
  readonly #walk: PeerWalk
  readonly #timer: Timer
  #upstream: DatagramSocket | undefined = undefined
  #attempt: UpstreamAttempt | undefined = undefined
  #attemptAt = 0
  #requests = 0
  #responses = 0
  #failed = false

  constructor(session: Session, settings: ProxySettings, group: Group) {
    this.#session = session
    this.#settings = settings
    this.#client = session.client as DatagramClient
    this.#walk = new PeerWalk(group, group.keyOf(session, clientKey(session.remote)))
    this.#timer = new Timer(this)
    session.content = this
    session.action = 'connecting to upstream'
  }

  start(): void {
    if (!this.#connect()) return
    const session = this.#session
    session.action = 'proxying connection'
    this.#client.handler = this
    const first = session.preread
    session.preread = Buffer.alloc(0)
    this.#pass(first)
    if (!session.ended) this.#client.resume()
  }

  logContext(): string {
    const name = this.#attempt === undefined ? '' : `, upstream: "${this.#attempt.peer}"`
    return `${name}${this.#bytes()}`
  }

  end(): void {
    this.#session.services.timers.cancel(this.#timer)
    const [upstream, attempt, { peer }] = [this.#upstream, this.#attempt, this.#walk]
    if (attempt !== undefined) {
      attempt.sessionMs = this.#now() - this.#attemptAt
      attempt.bytesSent = upstream?.bytesWritten ?? 0
      attempt.bytesReceived = upstream?.bytesRead ?? 0
    }
    if (peer !== undefined) {
      peer.state.statistics?.countBytes(attempt?.bytesSent ?? 0, attempt?.bytesReceived ?? 0)
      if (attempt !== undefined) recordTimes(this.#walk, attempt)
      if (this.#walk.done(this.#failed)) this.#logDisabled()
    }
    upstream?.close()
  }

  /** A datagram of the client. */
  onData(_socket: Socket, chunk: Buffer): void {
    this.#pass(chunk)
  }

  /** A datagram of the upstream. */
  onDatagram(_socket: DatagramSocket, data: Buffer): void {
    const attempt = this.#attempt!
    if (attempt.firstByteMs < 0) {
      attempt.firstByteMs = this.#now() - this.#attemptAt
      if (this.#walk.noteAnswer(attempt.firstByteMs)) this.#logDisabled()
    }
    this.#responses += 1
    this.#client.write(data)
    this.#refresh()
    this.#finishIfAnswered()
  }

  onError(_socket: DatagramSocket, error: NodeJS.ErrnoException): void {
    const reading = error.syscall !== 'send' && error.syscall !== 'write'
    this.#session.action = reading
      ? 'proxying and reading from upstream'
      : 'proxying and sending to upstream'
    this.#session.log('error', failureText(error))
    this.#session.action = 'proxying connection'
    this.#failed = true
    // As in nginx: a refusal is an answer, and the upstream may yet begin to listen.
    this.#responses += 1
    this.#finishIfAnswered()
  }

  onTimeout(): void {
    const { responses } = this.#settings
    if (responses === undefined || this.#responses >= responses * this.#requests) {
      this.#logEnd('timed out')
      this.#session.finalize(200)
      return
    }
    this.#session.log('error', 'upstream timed out (110: Connection timed out)')
    this.#failed = true
    this.#session.finalize(502)
  }

  onConnect(): void {
    // A client of datagrams is there from the beginning.
  }

  onEnd(): void {
    // Datagrams have no end.
  }

  onDrain(): void {
    // Datagrams are sent or lost, never queued.
  }

  onClose(): void {
    // The session itself closes its client.
  }

  /** Chooses an upstream and opens a socket towards it; false when the session has ended for want of one. */
  #connect(): boolean {
    const session = this.#session
    for (;;) {
      const peer = this.#walk.next()
      this.#attempt = newAttempt(this.#walk.group.name, peer?.name)
      this.#attemptAt = this.#now()
      session.facts.attempts ??= []
      session.facts.attempts.push(this.#attempt)
      if (peer === undefined) {
        session.log('error', 'no live upstreams')
        session.finalize(502)
        return false
      }
      try {
        this.#upstream = this.#settings.connectDatagrams(session, peer, this)
        this.#attempt.connectMs = 0
        this.#logConnected(this.#upstream)
        return true
      } catch (error) {
        session.log('crit', failureText(error as NodeJS.ErrnoException))
        if (!this.#settings.nextUpstream || this.#walk.tries <= 1) {
          this.#failed = true
          session.finalize(502)
          return false
        }
        this.#walk.done(true)
      }
    }
  }

  #pass(chunk: Buffer): void {
    const { requests } = this.#settings
    this.#requests += 1
    if (requests > 0 && this.#requests >= requests) this.#client.detach()
    this.#upstream?.send(chunk)
    this.#refresh()
    this.#finishIfAnswered()
  }

  #finishIfAnswered(): void {
    const { requests, responses } = this.#settings
    if (requests > 0 && this.#requests < requests) return
    if (responses === undefined || this.#responses < responses * this.#requests) return
    if (this.#session.ended) return
    this.#logEnd('done')
    this.#session.finalize(200)
  }

  #logDisabled(): void {
    this.#session.log('warn', 'upstream server temporarily disabled')
  }

  #logConnected({ local, remote }: DatagramSocket): void {
    const { errorLog, number } = this.#session
    if (!errorLog.takes('info')) return
    const [from, to] = [formatAddress(local), formatAddress(remote)]
    errorLog.write('info', `udp proxy ${from} connected to ${to}`, number)
  }

  #logEnd(how: 'done' | 'timed out'): void {
    const { errorLog, number } = this.#session
    if (!errorLog.takes('info')) return
    const packets = `packets from/to client:${this.#requests}/${this.#responses}`
    errorLog.write('info', `udp ${how}, ${packets}${this.#bytes()}`, number)
  }

  #bytes(): string {
    const [client, upstream] = [this.#client, this.#upstream]
    const [received, sent] = [upstream?.bytesRead ?? 0, upstream?.bytesWritten ?? 0]
    return (
      `, bytes from/to client:${client.bytesRead}/${client.bytesWritten}` +
      `, bytes from/to upstream:${received}/${sent}`
    )
  }

  #refresh(): void {
    this.#session.services.timers.arm(this.#timer, this.#settings.idleTimeoutMs)
  }

  #now(): number {
    return this.#session.services.transport.clock.now()
  }
}
