/**
 * Lets a body through at so many bytes a second, as `limit_rate` asks for.
 *
 * ```text
 *   sent ▲              ╱     rate × (whole seconds since the request began + 1) + what is free
 *        │  free  ╱─────      a piece that is too long is cut: the rest waits here,
 *        │───────╱            and its producer waits with it
 *        └──────────────▶ time
 * ```
 */
import { Timer, type TimerOwner } from '../net/timing-wheel.ts'
import type { BodyFilter } from './body-filter.ts'
import type { Request } from './request.ts'

const nothing = Buffer.alloc(0)
/** Added to waits, so that the next piece is allowed when they end. */
const roundingMs = 1

export class RateFilter implements BodyFilter, TimerOwner {
  readonly #request: Request
  readonly #generation: number
  readonly #rate: number
  readonly #free: number
  readonly #startSecond: number
  readonly #timer = new Timer(this)
  #sent = 0
  /** What may not go out yet. */
  #waiting: Buffer = nothing
  #ended = false

  /** `free` bytes are sent before the rate counts. */
  constructor(request: Request, rate: number, free: number) {
    this.#request = request
    this.#generation = request.generation
    this.#rate = rate
    this.#free = free
    this.#startSecond = Math.floor(request.startedAt / 1000)
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    if (this.#waiting.length > 0) {
      this.#waiting = Buffer.concat([this.#waiting, bytes.subarray(from, to)])
      return false
    }
    const middle = Math.min(to, from + this.#allowed())
    const room = this.#pass(bytes, from, middle)
    if (middle === to) return room
    // A copy: the bytes are valid during this call only.
    this.#waiting = Buffer.from(bytes.subarray(middle, to))
    this.#wait()
    return false
  }

  end(): void {
    this.#ended = true
    if (this.#waiting.length === 0) this.#request.passEnd(this)
  }

  onWritable(): boolean {
    return this.#waiting.length === 0
  }

  onAbort(): void {
    this.#request.connection.engine.services.timers.cancel(this.#timer)
  }

  onTimeout(): void {
    const request = this.#request
    if (request.generation !== this.#generation) return
    request.carrier.cork()
    if (this.#release()) request.wakeProducer()
    request.carrier.uncork()
  }

  /** Passes on what may go out by now; true when the producer may go on. */
  #release(): boolean {
    const waiting = this.#waiting
    const allowed = Math.min(waiting.length, this.#allowed())
    this.#waiting = waiting.subarray(allowed)
    const room = this.#pass(waiting, 0, allowed)
    if (this.#waiting.length > 0) {
      this.#wait()
      return false
    }
    if (!this.#ended) return room
    this.#request.passEnd(this)
    return false
  }

  #pass(bytes: Buffer, from: number, to: number): boolean {
    this.#sent += to - from
    return to === from || this.#request.passBody(this, bytes, from, to)
  }

  /** Bytes that may go out now; below 0 where too many did. */
  #surplus(): number {
    const seconds = Math.floor(Date.now() / 1000) - this.#startSecond + 1
    return this.#rate * seconds - (this.#sent - this.#free)
  }

  #allowed(): number {
    return Math.max(this.#surplus(), 0)
  }

  #wait(): void {
    const ms = Math.max((-this.#surplus() * 1000) / this.#rate, 0) + roundingMs
    const untilNextSecond = 1000 - (Date.now() % 1000)
    const { timers } = this.#request.connection.engine.services
    timers.arm(this.#timer, Math.max(ms, untilNextSecond))
  }
}
