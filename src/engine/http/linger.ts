/**
 * The end of a connection on which the client may still be sending.
 *
 * Closing while data is unread would reset the connection and could take our answer with it: FIN is sent,
 * and what comes is thrown away until the client closes, pauses for `lingering_timeout`, or
 * `lingering_time` is over.
 */
import type { Socket, SocketHandler } from '../net/socket.ts'
import { Timer, type TimerOwner, type TimingWheel } from '../net/timing-wheel.ts'
import type { CoreConf } from './modules/core.ts'

export class Linger implements SocketHandler, TimerOwner {
  readonly #timers: TimingWheel
  readonly #socket: Socket
  readonly #core: CoreConf
  /** Ends for good. */
  readonly #last: Timer
  /** Ends when nothing comes. */
  readonly #next: Timer

  constructor(timers: TimingWheel, socket: Socket, core: CoreConf) {
    this.#timers = timers
    this.#socket = socket
    this.#core = core
    this.#last = new Timer(this)
    this.#next = new Timer(this)
  }

  /** Takes the socket over. */
  start(): void {
    this.#socket.handler = this
    this.#timers.arm(this.#last, this.#core.lingering_time)
    this.#timers.arm(this.#next, this.#core.lingering_timeout)
    this.#socket.end()
    this.#socket.resume()
  }

  onConnect(): void {}

  onData(): void {
    this.#timers.arm(this.#next, this.#core.lingering_timeout)
  }

  onEnd(): void {
    if (this.#socket.queued === 0) this.#socket.destroy()
  }

  onDrain(): void {}

  onClose(): void {
    this.#timers.cancel(this.#last)
    this.#timers.cancel(this.#next)
  }

  onTimeout(): void {
    this.#socket.destroy()
  }
}
