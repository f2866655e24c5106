/** The exchanges of a process, used again and again: one for each request that is passed on. */
import type { Request } from '../request.ts'
import { ProxyExchange } from './exchange.ts'
import type { ProxySettings } from './settings.ts'
import { http1Wire, type Wire } from './wire.ts'

/** Idle ones that are kept. */
const idleExchangesMax = 1024

class Exchanges {
  readonly #wire: Wire
  readonly #idle: ProxyExchange[] = []

  constructor(wire: Wire) {
    this.#wire = wire
  }

  take(): ProxyExchange {
    return this.#idle.pop() ?? new ProxyExchange(this.#wire, this.#giveBack)
  }

  readonly #giveBack = (exchange: ProxyExchange): void => {
    if (this.#idle.length < idleExchangesMax) this.#idle.push(exchange)
  }
}

const byWire = new Map<Wire, Exchanges>()

/** Passes a request on. */
export function startExchange(
  request: Request,
  settings: ProxySettings,
  wire: Wire = http1Wire,
): void {
  let exchanges = byWire.get(wire)
  if (exchanges === undefined) {
    exchanges = new Exchanges(wire)
    byWire.set(wire, exchanges)
  }
  exchanges.take().start(request, settings)
}
