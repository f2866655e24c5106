/**
 * Why an upstream is not read for now: the client takes no more, or `proxy_limit_rate` asks for a rest.
 *
 * ```text
 *   hold(full) ─▶ paused ◀─ hold(rest)        read again when no reason is left
 * ```
 */
import { parseSize } from '../../conf/units.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import { Throttle } from '../../modules/throttle.ts'
import { Timer, type TimerOwner, type TimingWheel } from '../../net/timing-wheel.ts'
import type { Request } from '../request.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

const clientFull = 1
const resting = 2

export class ReadHold implements TimerOwner {
  #connection: UpstreamConnection | undefined = undefined
  #readTimeoutMs = 0
  #reasons = 0
  #throttle: Throttle | undefined = undefined
  #timers: TimingWheel | undefined = undefined
  #rest: Timer | undefined = undefined

  /** True while the upstream is not read. */
  get held(): boolean {
    return this.#reasons !== 0
  }

  /** Watches over another connection. */
  begin(connection: UpstreamConnection, readTimeoutMs: number): void {
    this.#connection = connection
    this.#readTimeoutMs = readTimeoutMs
    this.#reasons = 0
  }

  /** Bytes a second that may come from here on. */
  limit(request: Request, rate: ComplexValue): void {
    const { services } = request.connection.engine
    const bytes = parseSize(rate.evaluate(request)) ?? 0
    this.#throttle = bytes > 0 ? new Throttle(bytes, services.transport.clock) : undefined
    this.#timers = services.timers
  }

  /** Counts bytes that came, and rests where they came too fast. */
  count(bytes: number): void {
    if (this.#throttle === undefined) return
    const restMs = this.#throttle.take(bytes)
    if (restMs === 0) return
    this.#hold(resting)
    this.#rest ??= new Timer(this)
    this.#timers!.arm(this.#rest, restMs)
  }

  clientFull(): void {
    this.#hold(clientFull)
  }

  clientOpen(): void {
    this.#free(clientFull)
  }

  /** The rest is over. */
  onTimeout(): void {
    this.#free(resting)
  }

  end(): void {
    this.#connection = undefined
    this.#reasons = 0
    if (this.#throttle === undefined) return
    this.#throttle = undefined
    if (this.#rest !== undefined) this.#timers!.cancel(this.#rest)
  }

  #hold(reason: number): void {
    if (this.#reasons === 0) {
      this.#connection?.pause()
      this.#connection?.stopWaiting()
    }
    this.#reasons |= reason
  }

  #free(reason: number): void {
    if ((this.#reasons & reason) === 0) return
    this.#reasons &= ~reason
    if (this.#reasons !== 0) return
    this.#connection?.wait(this.#readTimeoutMs)
    this.#connection?.resume()
  }
}
