/**
 * The stream engine of one process: the part of the snapshot that is in force, and the sessions under way.
 */
import { Resolvers } from '../modules/resolvers.ts'
import type { Datagram, DatagramListener } from '../net/datagram.ts'
import type { Socket } from '../net/socket.ts'
import { DatagramSessions } from './datagram-sessions.ts'
import type { StreamPart } from './part.ts'
import { hasTrait, type StreamPort } from './ports.ts'
import { ProxyHeaderReader } from './proxy-header-reader.ts'
import type { StreamServices } from './services.ts'
import { Session } from './session.ts'

export class StreamEngine {
  readonly services: StreamServices
  /** What new sessions are served by; replaced as a whole when another snapshot is taken into use. */
  part: StreamPart | undefined = undefined
  readonly resolvers: Resolvers = new Resolvers()
  readonly #datagrams: DatagramSessions
  #active = 0
  #idle: (() => void)[] = []

  constructor(services: StreamServices) {
    this.services = services
    this.#datagrams = new DatagramSessions(this)
  }

  /** Sessions under way. */
  get active(): number {
    return this.#active
  }

  /** Resolves when no session is under way; for a graceful end, when nothing is accepted any more. */
  async whenIdle(): Promise<void> {
    if (this.#active === 0) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  accept(client: Socket, port: StreamPort): void {
    const session = this.begin(client, port)
    if (hasTrait(port, 'proxy_protocol')) new ProxyHeaderReader(session).start()
    else session.start()
  }

  receive(listener: DatagramListener, datagram: Datagram, port: StreamPort): void {
    this.#datagrams.receive(listener, datagram, port)
  }

  /** A session of the port's default server, not yet started. */
  begin(client: Socket, port: StreamPort): Session {
    this.#active += 1
    const { variables } = this.part!
    return new Session({ engine: this, port, server: port.fallback!, client, variables })
  }

  /** A session tells that it is over. */
  ended(): void {
    this.#active -= 1
    if (this.#active > 0 || this.#idle.length === 0) return
    for (const tell of this.#idle.splice(0)) tell()
  }
}
