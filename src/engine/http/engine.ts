/**
 * The HTTP engine of one process: the part of the snapshot that is in force, and the connections it has.
 */
import { listenKey } from '../net/listen-plan.ts'
import type { Socket } from '../net/socket.ts'
import { matchInto } from '../modules/captures.ts'
import { type ConnectionStart, HttpConnection } from './connection.ts'
import { idleRequestsMax } from './limits.ts'
import { Output } from './output.ts'
import type { HttpPart } from './part.ts'
import { Request } from './request.ts'
import type { HttpPort, HttpServer } from './server.ts'
import type { HttpServices } from './services.ts'

export class HttpEngine {
  readonly services: HttpServices
  readonly output: Output = new Output()
  /** What new requests are served by; replaced as a whole when another snapshot is taken into use. */
  part: HttpPart | undefined = undefined
  readonly #connections = new Set<HttpConnection>()
  readonly #idleRequests: Request[] = []
  #waiting: (() => void)[] = []

  constructor(services: HttpServices) {
    this.services = services
  }

  /** Connections that are open, idle ones included. */
  get active(): number {
    return this.#connections.size
  }

  /** A connection on which HTTP may begin. */
  begin(start: Omit<ConnectionStart, 'engine'>): HttpConnection {
    const connection = new HttpConnection({ ...start, engine: this })
    this.#connections.add(connection)
    connection.start()
    return connection
  }

  forget(connection: HttpConnection): void {
    this.#connections.delete(connection)
    if (this.#connections.size > 0 || this.#waiting.length === 0) return
    for (const tell of this.#waiting.splice(0)) tell()
  }

  /** Closes idle connections and lets the others finish; resolves when none is left. */
  async drain(): Promise<void> {
    for (const connection of [...this.#connections]) connection.drain()
    if (this.#connections.size === 0) return
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Cuts every connection. */
  close(): void {
    for (const connection of [...this.#connections]) connection.abort()
  }

  /** The port in force that a socket's connections belong to; the one they began with when it is gone. */
  portOf(key: string, socket: Socket): HttpPort | undefined {
    return this.part?.ports.find(key, () => listenKey('tcp', socket.local))
  }

  /** The server that a host name means; the port's default where no name matches. */
  selectServer(key: string, socket: Socket, host: string, request: Request): HttpServer {
    const port = this.portOf(key, socket) ?? request.connection.port
    const match = port.names.find(host)
    if (match === undefined) return port.fallback!
    if (match.regex !== undefined) {
      const expression = match.server.expressions.get(match.regex.source)
      if (expression !== undefined) matchInto(request, expression, host)
    }
    return match.server
  }

  takeRequest(connection: HttpConnection, server: HttpServer): Request {
    const request = this.#idleRequests.pop() ?? new Request(connection, server, server.headLimits)
    request.open(connection, server)
    return request
  }

  giveRequest(request: Request): void {
    request.generation += 1
    if (this.#idleRequests.length < idleRequestsMax) this.#idleRequests.push(request)
  }
}
