/**
 * Where connections of one listening socket enter: it finds the port in the snapshot in force, so that
 * taking another snapshot into use is one assignment for all sockets together.
 */
import type { Datagram, DatagramListener, DatagramPort } from '../net/datagram.ts'
import { listenKey } from '../net/listen-plan.ts'
import type { Acceptor, Socket } from '../net/socket.ts'
import type { StreamEngine } from './engine.ts'

export class PortGate implements Acceptor, DatagramPort {
  readonly #engine: StreamEngine
  readonly #key: string

  constructor(engine: StreamEngine, key: string) {
    this.#engine = engine
    this.#key = key
  }

  onAccept(socket: Socket): void {
    const port = this.#engine.part?.table.find(this.#key, () => listenKey('tcp', socket.local))
    if (port === undefined) socket.destroy()
    else this.#engine.accept(socket, port)
  }

  onDatagram(listener: DatagramListener, datagram: Datagram): void {
    const key = this.#key
    const port = this.#engine.part?.table.find(key, () => listenKey('udp', datagram.local))
    if (port !== undefined) this.#engine.receive(listener, datagram, port)
  }
}
