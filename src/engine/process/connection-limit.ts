/**
 * `worker_connections`: a worker that holds as many connections as it may closes what it accepts, as nginx
 * does, and says so.
 *
 * The limit stands between listeners and whoever takes what they accept; nothing of it is on the way of
 * bytes.
 */
import type { Log } from '../core/log.ts'
import type { Acceptor, Socket } from '../net/socket.ts'
import type { ListenTransport } from '../net/listeners.ts'
import type { Listener } from '../net/transport.ts'

/** A flood of refused connections writes one line in so many. */
const refusalsPerLine = 100

export class ConnectionLimit {
  /** Connections to clients and upstreams that a worker may hold. */
  max: number
  readonly #active: () => number
  readonly #log: Log
  #refused = 0

  constructor(max: number, active: () => number, log: Log) {
    this.max = max
    this.#active = active
    this.#log = log
  }

  /** True when there is room for one more. */
  admits(): boolean {
    if (this.#active() < this.max) return true
    if (this.#refused++ % refusalsPerLine === 0) {
      this.#log.write('alert', `${this.max} worker_connections are not enough`)
    }
    return false
  }
}

/** The part of a transport that listeners need, with the limit in front of every acceptor. */
export function limitedListening(
  transport: ListenTransport,
  limit: ConnectionLimit,
): ListenTransport {
  return {
    listen: (descriptor, spec, acceptor) => {
      const gate = new Gate(limit, acceptor)
      return new LimitedListener(transport.listen(descriptor, spec, gate), gate)
    },
    listenDatagrams: (descriptor, spec, port) => transport.listenDatagrams(descriptor, spec, port),
  }
}

class Gate implements Acceptor {
  acceptor: Acceptor
  readonly #limit: ConnectionLimit

  constructor(limit: ConnectionLimit, acceptor: Acceptor) {
    this.#limit = limit
    this.acceptor = acceptor
  }

  onAccept(socket: Socket): void {
    if (this.#limit.admits()) this.acceptor.onAccept(socket)
    else socket.destroy()
  }
}

class LimitedListener implements Listener {
  readonly #listener: Listener
  readonly #gate: Gate

  constructor(listener: Listener, gate: Gate) {
    this.#listener = listener
    this.#gate = gate
  }

  get acceptor(): Acceptor {
    return this.#gate.acceptor
  }

  set acceptor(acceptor: Acceptor) {
    this.#gate.acceptor = acceptor
  }

  get local(): Listener['local'] {
    return this.#listener.local
  }

  start(): void {
    this.#listener.start()
  }

  close(): void {
    this.#listener.close()
  }
}
