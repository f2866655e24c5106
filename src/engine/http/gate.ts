/**
 * Where connections of one listening socket enter: it finds the port in the snapshot in force, so that
 * taking another snapshot into use is one assignment for all sockets together.
 */
import type { Acceptor, Socket } from '../net/socket.ts'
import type { HttpEngine } from './engine.ts'
import { ProxyPreface } from './proxy-preface.ts'
import type { HttpPort } from './server.ts'

export class HttpGate implements Acceptor {
  readonly #engine: HttpEngine
  readonly #key: string

  constructor(engine: HttpEngine, key: string) {
    this.#engine = engine
    this.#key = key
  }

  onAccept(socket: Socket): void {
    const port = this.#engine.portOf(this.#key, socket)
    if (port === undefined) socket.destroy()
    else enter(this.#engine, port, socket)
  }
}

/** Reads what comes before HTTP on this port, then begins with it. */
function enter(engine: HttpEngine, port: HttpPort, socket: Socket): void {
  if ((port.traits.get('proxy_protocol') ?? 0) > 0) {
    new ProxyPreface(engine, port, socket).start()
    return
  }
  engine.begin({ port, socket, secure: false, proxy: undefined })
}
