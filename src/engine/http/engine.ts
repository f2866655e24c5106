/**
 * The HTTP engine of one process: the part of the snapshot that is in force, and the connections it has.
 */
import { listenKey } from '../net/listen-plan.ts'
import type { Socket } from '../net/socket.ts'
import { matchInto } from '../modules/captures.ts'
import { Resolvers } from '../modules/resolvers.ts'
import type { Carrier } from './carrier.ts'
import type { ClientConnection, ConnectionStart } from './client-connection.ts'
import { activities, ConnectionCounts } from './connection-counts.ts'
import { HttpConnection } from './connection.ts'
import { FrameOutput } from './http2/frame-output.ts'
import { Http2Connection } from './http2/http2-connection.ts'
import { idleRequestsMax } from './limits.ts'
import { Output } from './output.ts'
import type { HttpPart } from './part.ts'
import { DynamicTargets } from './proxy/dynamic-targets.ts'
import { Request } from './request.ts'
import type { HttpPort, HttpServer } from './server.ts'
import type { HttpServices } from './services.ts'

export class HttpEngine {
  readonly services: HttpServices
  readonly output: Output
  readonly frames: FrameOutput = new FrameOutput()
  readonly resolvers: Resolvers = new Resolvers()
  readonly dynamicTargets: DynamicTargets = new DynamicTargets()
  #part: HttpPart | undefined
  readonly #connections = new Set<ClientConnection>()
  readonly #idleRequests: Request[] = []
  #counts: ConnectionCounts | undefined
  #waiting: (() => void)[] = []

  constructor(services: HttpServices) {
    this.services = services
    this.output = new Output(services.transport)
  }

  /** Opened with the first connection: a configuration that is only tested needs none. */
  get counts(): ConnectionCounts {
    return (this.#counts ??= new ConnectionCounts(this.services.zoneMemory))
  }

  /** What new requests are served by. */
  get part(): HttpPart | undefined {
    return this.#part
  }

  /**
   * Takes a part into use, as a whole. Connections to addresses that nobody listens on any more end with the
   * request that is under way.
   */
  serve(part: HttpPart): void {
    const before = this.#part
    this.#part = part
    if (before === undefined || !losesPort(before, part)) return
    for (const connection of [...this.#connections]) {
      if (!this.#isListenedOn(connection)) connection.drain()
    }
  }

  /** Connections that are open, idle ones included. */
  get active(): number {
    return this.#connections.size
  }

  /** A connection on which HTTP may begin. */
  begin(start: Omit<ConnectionStart, 'engine'>, version: 1 | 2 = 1): ClientConnection {
    const whole = { ...start, engine: this }
    const connection = version === 2 ? new Http2Connection(whole) : new HttpConnection(whole)
    this.#connections.add(connection)
    this.counts.onConnection()
    // What comes before HTTP took its time, and the port is gone: one request is answered.
    if (!this.#isListenedOn(connection)) connection.closing = true
    connection.start()
    return connection
  }

  forget(connection: ClientConnection): void {
    if (this.#connections.delete(connection)) this.counts.onConnectionEnd()
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
    return this.#part?.ports.find(key, () => listenKey('tcp', socket.local))
  }

  #isListenedOn({ port, socket }: ClientConnection): boolean {
    return this.portOf(port.key, socket) !== undefined
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

  /** For a request that a client begins to send. */
  takeRequest(connection: ClientConnection, carrier: Carrier, server: HttpServer): Request {
    const request = this.takeSubrequest(connection, carrier, server)
    request.activity = activities.reading
    this.counts.onRequest()
    return request
  }

  takeSubrequest(connection: ClientConnection, carrier: Carrier, server: HttpServer): Request {
    const request =
      this.#idleRequests.pop() ?? new Request(connection, carrier, server, server.headLimits)
    request.open(connection, carrier, server)
    return request
  }

  giveRequest(request: Request): void {
    if (request.activity !== activities.none) this.counts.onRequestEnd(request.activity)
    request.release()
    if (this.#idleRequests.length < idleRequestsMax) this.#idleRequests.push(request)
  }
}

function losesPort(before: HttpPart, after: HttpPart): boolean {
  const changes = after.ports.ports.changesSince(before.ports.ports)
  return changes.some((change) => change.after === undefined)
}
