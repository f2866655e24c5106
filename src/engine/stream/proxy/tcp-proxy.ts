/**
 * The TCP proxy: one client's connection, one upstream's, and the bytes between them.
 *
 * ```text
 *   client ── onData ──▶ upstream.write      what the kernel does not take is queued there, and
 *   client.write ◀── onData ── upstream      this side is not read until it has drained
 * ```
 *
 * Bytes go from the driver's read buffer straight to the other socket's `write`: nothing is copied unless
 * the receiver is slower than the sender. Until the upstream is connected, what the client sends waits in
 * the session's preread buffer, up to `proxy_buffer_size`.
 */
import { failureText } from '../../net/errors.ts'
import { formatAddress } from '../../net/address.ts'
import type { Socket, SocketHandler } from '../../net/socket.ts'
import { Timer, type TimerOwner } from '../../net/timing-wheel.ts'
import type { Group } from '../../upstream/group.ts'
import { PeerWalk } from '../../upstream/walk.ts'
import type { UpstreamAttempt } from '../session-facts.ts'
import type { Session, SessionContent } from '../session.ts'
import { clientKey, newAttempt, recordTimes } from './attempt.ts'
import type { ProxySettings } from './settings.ts'
import { Throttle } from '../../modules/throttle.ts'

/** Why a socket is not being read. */
const fullBuffer = 1
const throttled = 2

const connecting = 0
const relaying = 1
const over = 2

/** One direction of the relay. */
interface Side {
  /** Bits of why its socket is paused. */
  holds: number
  /** Its socket has sent FIN, or is gone. */
  ended: boolean
  throttle: Throttle | undefined
  /** Ends a rest that the throttle asked for. */
  rest: Timer | undefined
}

export class TcpProxy implements SocketHandler, TimerOwner, SessionContent {
  readonly #session: Session
  readonly #settings: ProxySettings
  readonly #client: Socket
  readonly #walk: PeerWalk
  readonly #timer: Timer
  readonly #startedAt: number
  #upstream: Socket | undefined = undefined
  #attempt: UpstreamAttempt | undefined = undefined
  #attemptAt = 0
  /** The handshake with the upstream has begun. */
  #securing = false
  #state: typeof connecting | typeof relaying | typeof over = connecting
  #triesLeft: number
  readonly #up: Side = { holds: 0, ended: false, throttle: undefined, rest: undefined }
  readonly #down: Side = { holds: 0, ended: false, throttle: undefined, rest: undefined }

  constructor(session: Session, settings: ProxySettings, group: Group) {
    this.#session = session
    this.#settings = settings
    this.#client = session.client
    this.#walk = new PeerWalk(group, group.keyOf(session, clientKey(session.remote)))
    this.#timer = new Timer(this)
    this.#startedAt = this.#now()
    const { tries } = settings
    this.#triesLeft = tries > 0 ? tries : Infinity
    this.#up.ended = session.clientEnded
    session.content = this
  }

  start(): void {
    this.#client.handler = this
    this.#client.resume()
    this.#connect()
  }

  logContext(): string {
    const name = this.#attempt === undefined ? '' : `, upstream: "${this.#attempt.peer}"`
    return `${name}${this.#bytes()}`
  }

  end(): void {
    this.#state = over
    const { timers } = this.#session.services
    timers.cancel(this.#timer)
    if (this.#up.rest !== undefined) timers.cancel(this.#up.rest)
    if (this.#down.rest !== undefined) timers.cancel(this.#down.rest)
    this.#closeAttempt(false)
  }

  onConnect(socket: Socket): void {
    if (socket !== this.#upstream) return
    const { secure } = this.#settings
    if (secure !== undefined && !this.#securing) {
      this.#startTls(socket, secure)
      return
    }
    this.#state = relaying
    this.#attempt!.connectMs = this.#now() - this.#attemptAt
    if (this.#walk.noteAnswer(this.#attempt!.connectMs)) this.#logDisabled()
    this.#logConnected(socket)
    this.#session.action = 'proxying connection'
    if (!this.#settings.noDelay) this.#client.setNoDelay(false)
    this.#startThrottles()
    this.#sendWaiting(socket)
    this.#release(this.#client, this.#up, fullBuffer)
    this.#refresh()
    if (this.#up.ended) this.#afterEnd(this.#up, socket)
  }

  onData(socket: Socket, chunk: Buffer): void {
    if (socket === this.#client) {
      if (this.#state === relaying) this.#relay(chunk, this.#up, socket, this.#upstream!)
      else this.#keepWaiting(chunk)
    } else if (socket === this.#upstream) {
      const attempt = this.#attempt!
      if (attempt.firstByteMs < 0) attempt.firstByteMs = this.#now() - this.#attemptAt
      this.#relay(chunk, this.#down, socket, this.#client)
    }
  }

  onDrain(socket: Socket): void {
    if (this.#state !== relaying) return
    const fromClient = socket === this.#upstream
    const side = fromClient ? this.#up : this.#down
    this.#refresh()
    this.#release(fromClient ? this.#client : this.#upstream!, side, fullBuffer)
    this.#finishIfDone()
  }

  onEnd(socket: Socket): void {
    if (socket === this.#client) this.#ended(this.#up, this.#upstream)
    else if (socket === this.#upstream) this.#ended(this.#down, this.#client)
  }

  onClose(socket: Socket, error: NodeJS.ErrnoException | undefined): void {
    if (this.#state === over) return
    if (socket === this.#client) this.#clientClosed(error)
    else if (socket === this.#upstream) this.#upstreamClosed(error)
  }

  onTimeout(timer: Timer): void {
    if (timer === this.#up.rest) this.#release(this.#client, this.#up, throttled)
    else if (timer === this.#down.rest) this.#release(this.#upstream!, this.#down, throttled)
    else if (this.#state === connecting) {
      this.#session.log('error', 'upstream timed out (110: Connection timed out)')
      this.#tryNext()
    } else {
      this.#session.log('info', 'connection timed out (110: Connection timed out)')
      this.#session.finalize(200)
    }
  }

  #startTls(socket: Socket, secure: NonNullable<ProxySettings['secure']>): void {
    const session = this.#session
    session.action = 'SSL handshaking to upstream'
    this.#securing = true
    session.services.timers.arm(this.#timer, this.#settings.connectTimeoutMs)
    this.#upstream = secure(session, this.#walk.peer!, socket, this)
  }

  #connect(): void {
    this.#securing = false
    const session = this.#session
    const peer = this.#walk.next()
    this.#triesLeft -= 1
    this.#attemptAt = this.#now()
    session.action = 'connecting to upstream'
    this.#attempt = newAttempt(this.#walk.group.name, peer?.name)
    session.facts.attempts ??= []
    session.facts.attempts.push(this.#attempt)
    if (peer === undefined) {
      session.log('error', 'no live upstreams')
      session.finalize(502)
      return
    }
    session.services.timers.arm(this.#timer, this.#settings.connectTimeoutMs)
    this.#upstream = this.#settings.connect(session, peer, this)
  }

  /** Another server after one that could not be reached, where the settings allow it. */
  #tryNext(): void {
    const { nextUpstream, nextTimeoutMs } = this.#settings
    const late = nextTimeoutMs > 0 && this.#now() - this.#startedAt >= nextTimeoutMs
    this.#closeAttempt(true)
    if (!nextUpstream || late || this.#triesLeft <= 0 || this.#walk.tries <= 0) {
      this.#session.finalize(502)
    } else this.#connect()
  }

  #closeAttempt(failed: boolean): void {
    const upstream = this.#upstream
    const attempt = this.#attempt
    if (attempt !== undefined) {
      attempt.sessionMs = this.#now() - this.#attemptAt
      attempt.bytesSent = upstream?.bytesWritten ?? 0
      attempt.bytesReceived = upstream?.bytesRead ?? 0
    }
    const { peer } = this.#walk
    if (peer !== undefined) {
      peer.state.statistics?.countBytes(attempt?.bytesSent ?? 0, attempt?.bytesReceived ?? 0)
      if (attempt !== undefined) recordTimes(this.#walk, attempt)
      // The client's walk ends with the peer, the line about it needs its name.
      if (this.#walk.done(failed)) this.#logDisabled()
    }
    this.#upstream = undefined
    if (upstream !== undefined && !upstream.destroyed) upstream.destroy()
  }

  #relay(chunk: Buffer, side: Side, from: Socket, to: Socket): void {
    if (!to.write(chunk)) this.#hold(from, side, fullBuffer)
    if (side.throttle !== undefined) this.#throttle(chunk.length, side, from)
    this.#refresh()
  }

  #throttle(bytes: number, side: Side, from: Socket): void {
    const restMs = side.throttle!.take(bytes)
    if (restMs === 0) return
    this.#hold(from, side, throttled)
    side.rest ??= new Timer(this)
    this.#session.services.timers.arm(side.rest, restMs)
  }

  #hold(socket: Socket, side: Side, reason: number): void {
    if (side.holds === 0) socket.pause()
    side.holds |= reason
  }

  #release(socket: Socket, side: Side, reason: number): void {
    if ((side.holds & reason) === 0) return
    side.holds &= ~reason
    if (side.holds === 0) socket.resume()
  }

  /** Client data that has nowhere to go yet. */
  #keepWaiting(chunk: Buffer): void {
    const { preread } = this.#session
    this.#session.preread = Buffer.concat([preread, chunk])
    if (this.#session.preread.length >= this.#settings.bufferBytes) {
      this.#hold(this.#client, this.#up, fullBuffer)
    }
  }

  #sendWaiting(upstream: Socket): void {
    const { preread } = this.#session
    if (preread.length === 0) return
    this.#session.preread = Buffer.alloc(0)
    if (!upstream.write(preread)) this.#hold(this.#client, this.#up, fullBuffer)
  }

  #startThrottles(): void {
    const { clock } = this.#session.services.transport
    const upload = this.#settings.uploadRate(this.#session)
    const download = this.#settings.downloadRate(this.#session)
    if (upload > 0) this.#up.throttle = new Throttle(upload, clock)
    if (download > 0) this.#down.throttle = new Throttle(download, clock)
  }

  #ended(side: Side, to: Socket | undefined): void {
    side.ended = true
    if (this.#state === relaying && to !== undefined) this.#afterEnd(side, to)
  }

  #afterEnd(side: Side, to: Socket): void {
    // FIN goes after what is queued; the way back stays open.
    if (this.#settings.halfClose && side.ended) to.end()
    this.#finishIfDone()
  }

  /** Ends the session when what came before the FIN has been handed on (nginx's conditions). */
  #finishIfDone(): void {
    const [up, down] = [this.#up.ended, this.#down.ended]
    if (!up && !down) return
    const toClient = this.#client.queued > 0
    const toUpstream = (this.#upstream?.queued ?? 0) > 0
    if ((!up && toClient) || (!down && toUpstream)) return
    if (this.#settings.halfClose && !(up && down && !toClient && !toUpstream)) return
    this.#finish(down)
  }

  #finish(fromUpstream: boolean): void {
    const { errorLog, number } = this.#session
    if (errorLog.takes('info')) {
      const who = fromUpstream ? 'upstream' : 'client'
      errorLog.write('info', `${who} disconnected${this.#bytes()}`, number)
    }
    this.#session.finalize(200)
  }

  #clientClosed(error: NodeJS.ErrnoException | undefined): void {
    if (error !== undefined) this.#logFailure('info', 'client', error)
    this.#up.ended = true
    this.#finish(false)
  }

  #upstreamClosed(error: NodeJS.ErrnoException | undefined): void {
    if (this.#state === connecting) {
      if (error !== undefined) this.#logConnectFailure(error)
      this.#tryNext()
      return
    }
    if (error !== undefined) this.#logFailure('error', 'upstream', error)
    this.#down.ended = true
    if (this.#client.queued === 0) this.#finish(true)
  }

  /** A handshake fails with a text of its own, a connection with a system call. */
  #logConnectFailure(error: NodeJS.ErrnoException): void {
    this.#session.log('error', error.syscall === undefined ? error.message : failureText(error))
  }

  #logFailure(level: 'info' | 'error', who: string, error: NodeJS.ErrnoException): void {
    const session = this.#session
    const reading = error.syscall !== 'send' && error.syscall !== 'write'
    session.action = reading ? `proxying and reading from ${who}` : `proxying and sending to ${who}`
    session.log(level, failureText(error))
    session.action = 'proxying connection'
  }

  #logDisabled(): void {
    this.#session.log('warn', 'upstream server temporarily disabled')
  }

  #logConnected(upstream: Socket): void {
    const { errorLog, number } = this.#session
    if (!errorLog.takes('info')) return
    // Reading `local` asks the kernel, so not before it is known that somebody wants it.
    const [from, to] = [formatAddress(upstream.local), formatAddress(upstream.remote)]
    errorLog.write('info', `proxy ${from} connected to ${to}`, number)
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
