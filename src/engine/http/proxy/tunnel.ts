/**
 * What follows a 101: bytes both ways, until one side ends or both are silent for too long.
 *
 * ```text
 *   client ── onData ──▶ upstream.write     what one side does not take is queued there, and the other is
 *   client.write ◀── onData ── upstream     not read until it has drained
 * ```
 */
import type { Socket, SocketHandler } from '../../net/socket.ts'
import { Timer, type TimerOwner } from '../../net/timing-wheel.ts'
import type { Request } from '../request.ts'
import type { UpstreamAttempt } from '../upstream-trail.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

interface TunnelSides {
  readonly request: Request
  readonly attempt: UpstreamAttempt
  readonly client: Socket
  readonly upstream: Socket
  readonly silenceMaxMs: number
  /** It is over: what was counted is in its place. */
  readonly onEnd: () => void
}

/** Joins the client with an upstream; false where there is no connection with a client to be had. */
export function startTunnel(
  connection: UpstreamConnection,
  fromUpstream: Buffer,
  sides: Omit<TunnelSides, 'client' | 'upstream'>,
): boolean {
  const { request } = sides
  const { socket: upstream } = connection
  const { socket: client } = request.connection
  const tunnel = new Tunnel({ ...sides, client, upstream })
  const fromClient = request.carrier.takeOver(tunnel)
  if (fromClient === undefined) return false
  connection.giveAway(tunnel)
  tunnel.start(fromClient, fromUpstream)
  return true
}

class Tunnel implements SocketHandler, TimerOwner {
  readonly #sides: TunnelSides
  readonly #timer: Timer
  #over = false

  constructor(sides: TunnelSides) {
    this.#sides = sides
    this.#timer = new Timer(this)
  }

  /** Begins with what each side has said already. */
  start(fromClient: Buffer, fromUpstream: Buffer): void {
    const { client, upstream } = this.#sides
    this.#refresh()
    if (fromClient.length > 0) this.onData(client, fromClient)
    if (fromUpstream.length > 0) this.onData(upstream, fromUpstream)
    client.resume()
    upstream.resume()
  }

  onConnect(): void {}

  onData(socket: Socket, chunk: Buffer): void {
    const { client, upstream, request, attempt } = this.#sides
    if (this.#over) return
    this.#refresh()
    if (socket === client) {
      if (!upstream.write(chunk)) client.pause()
      return
    }
    request.bytesSent += chunk.length
    request.bodyBytesSent += chunk.length
    attempt.responseLength += chunk.length
    if (!client.write(chunk)) upstream.pause()
  }

  onEnd(socket: Socket): void {
    // As nginx: what is under way to the other side still gets there, then both are closed.
    const other = this.#otherOf(socket)
    if (other.queued === 0) this.#end()
    else other.end()
  }

  onDrain(socket: Socket): void {
    this.#refresh()
    this.#otherOf(socket).resume()
  }

  onClose(): void {
    this.#end()
  }

  onTimeout(): void {
    this.#sides.request.logError(
      'upstream timed out (110: Connection timed out) while proxying upgraded connection',
    )
    this.#end()
  }

  #otherOf(socket: Socket): Socket {
    const { client, upstream } = this.#sides
    return socket === client ? upstream : client
  }

  #refresh(): void {
    const { request, silenceMaxMs } = this.#sides
    request.connection.engine.services.timers.arm(this.#timer, silenceMaxMs)
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    const { request, attempt, upstream, onEnd } = this.#sides
    request.connection.engine.services.timers.cancel(this.#timer)
    attempt.bytesReceived = upstream.bytesRead
    attempt.bytesSent = upstream.bytesWritten
    if (!upstream.destroyed) upstream.destroy()
    onEnd()
    request.carrier.abort()
  }
}
