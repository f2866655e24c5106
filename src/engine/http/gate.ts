/**
 * Where connections of one listening socket enter: it finds the port in the snapshot in force, so that
 * taking another snapshot into use is one assignment for all sockets together.
 */
import type { Acceptor, Socket } from '../net/socket.ts'
import type { HttpEngine } from './engine.ts'
import { enter } from './preface.ts'

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
