/** A request that waits for a time and then goes on, unless its client has gone meanwhile. */
import { Timer, type TimerOwner } from '../net/timing-wheel.ts'
import type { Request } from './request.ts'

/** `goOn` is called in the request's turn, when the time is over. */
export function delayRequest(request: Request, ms: number, goOn: (request: Request) => void): void {
  const { timers } = request.connection.engine.services
  timers.arm(new Timer(new Delay(request, goOn)), ms)
}

class Delay implements TimerOwner {
  readonly #request: Request
  readonly #generation: number
  readonly #goOn: (request: Request) => void

  constructor(request: Request, goOn: (request: Request) => void) {
    this.#request = request
    this.#generation = request.generation
    this.#goOn = goOn
  }

  onTimeout(): void {
    const request = this.#request
    if (request.generation !== this.#generation) return
    request.carrier.cork()
    this.#goOn(request)
    request.carrier.uncork()
  }
}
