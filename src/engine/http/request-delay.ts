/** A request that waits for a time and then goes on, unless its client goes meanwhile. */
import { Timer, type TimerOwner } from '../net/timing-wheel.ts'
import type { BodyProducer, Request } from './request.ts'
import { statuses } from './status.ts'

/** `goOn` is called in the request's turn, when the time is over. */
export function delayRequest(request: Request, ms: number, goOn: (request: Request) => void): void {
  request.producer = new Delay(request, ms, goOn)
}

/** Stands where the producer of the response will: it is told when the client has gone. */
class Delay implements BodyProducer, TimerOwner {
  readonly #request: Request
  readonly #goOn: (request: Request) => void
  readonly #timer = new Timer(this)

  constructor(request: Request, ms: number, goOn: (request: Request) => void) {
    this.#request = request
    this.#goOn = goOn
    request.connection.engine.services.timers.arm(this.#timer, ms)
  }

  onTimeout(): void {
    const request = this.#request
    request.producer = undefined
    request.carrier.cork()
    this.#goOn(request)
    request.carrier.uncork()
  }

  onWritable(): void {}

  onClientEnd(): void {
    this.onAbort()
    this.#request.logError('client prematurely closed connection', 'info')
    this.#request.finalize(statuses.clientClosed)
  }

  onAbort(): void {
    this.#request.connection.engine.services.timers.cancel(this.#timer)
  }
}
