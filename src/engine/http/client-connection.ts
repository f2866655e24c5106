/**
 * What every connection with a client knows, whichever version of HTTP is spoken on it.
 */
import type { VariableTable } from '../core/variables.ts'
import { type Address, formatAddress, formatHost } from '../net/address.ts'
import type { ProxyHeader } from '../net/proxy-protocol.ts'
import type { Socket } from '../net/socket.ts'
import type { HttpEngine } from './engine.ts'
import type { HttpPart } from './part.ts'
import type { RequestHead } from './request-head.ts'
import type { Request } from './request.ts'
import type { HttpPort, HttpServer } from './server.ts'
import { refusalByTls } from './tls-requirements.ts'

export interface ConnectionStart {
  readonly engine: HttpEngine
  readonly port: HttpPort
  readonly socket: Socket
  /** True over TLS. */
  readonly secure: boolean
  readonly proxy: ProxyHeader | undefined
  /** The server that the handshake was for; without TLS, the port's default. */
  readonly server?: HttpServer
}

export abstract class ClientConnection {
  readonly engine: HttpEngine
  readonly port: HttpPort
  readonly socket: Socket
  readonly number: number
  readonly secure: boolean
  /** Who has connected: the client, or a proxy before it. */
  readonly remote: Address
  /** Header of the PROXY protocol, where the port takes one. */
  readonly proxy: ProxyHeader | undefined
  /** Requests that were begun here. */
  requests: number = 0
  /** True when no further request is taken. */
  closing: boolean = false
  /** The server that the last request was for. */
  protected server: HttpServer
  #lastHost = ''
  /** What the last host was found to mean. */
  #selectedIn: HttpPart | undefined = undefined
  #selectedFor = ''
  #selected: HttpServer | undefined = undefined
  readonly #handshakeServer: HttpServer | undefined
  /** When it was accepted: milliseconds, wall clock. */
  readonly openedAt: number = Date.now()

  constructor({ engine, port, socket, secure, proxy, server }: ConnectionStart) {
    this.engine = engine
    this.port = port
    this.socket = socket
    this.number = engine.services.nextConnection()
    this.secure = secure
    this.remote = socket.remote
    this.proxy = proxy
    this.server = server ?? port.fallback!
    this.#handshakeServer = secure ? this.server : undefined
  }

  /** Begins to wait for the first request. */
  abstract start(): void

  /** Bytes that came, or were read before HTTP began. */
  abstract onData(socket: Socket, chunk: Buffer): void

  /** The engine ends: what is under way is finished, nothing new is begun. */
  abstract drain(): void

  /** Cuts the connection and all that is under way on it. */
  abstract abort(): void

  /** True when the present request came in the same bytes as the one before. */
  abstract get pipelined(): boolean

  get variables(): VariableTable<Request> {
    return this.engine.part!.variables
  }

  /** Milliseconds since it was accepted, for `$connection_time`. */
  get ageMs(): number {
    return Date.now() - this.openedAt
  }

  /** False when this request must be the last. */
  get mayKeepAlive(): boolean {
    return !this.closing && this.requests < this.server.core.keepalive_requests
  }

  /** The host that a request names, in lower case; nearly always that of the request before. */
  hostOf(head: RequestHead, start: number, end: number): string {
    const { bytes } = head
    const last = this.#lastHost
    if (end - start === last.length) {
      let i = 0
      while (i < last.length && bytes[start + i] === last.charCodeAt(i)) i++
      if (i === last.length) return last
    }
    this.#lastHost = head.text(start, end).toLowerCase()
    return this.#lastHost
  }

  /** The server that a host means on this port, in the snapshot in force. */
  serverFor(host: string, request: Request): HttpServer {
    const { part } = this.engine
    // Expressions leave their groups in each request.
    if (part === this.#selectedIn && host === this.#selectedFor && this.#selected !== undefined) {
      this.server = this.#selected
      return this.server
    }
    this.server = this.engine.selectServer(this.port.key, this.socket, host, request)
    this.#selectedIn = part
    this.#selectedFor = host
    this.#selected = this.server.expressions.size === 0 ? this.server : undefined
    return this.server
  }

  /** 0, or the status with which TLS has it that a request is refused. */
  checkTls(request: Request): number {
    const wanted = (this.port.traits.get('ssl') ?? 0) > 0
    if (!wanted && !this.secure) return 0
    return refusalByTls(request, { wanted, server: this.#handshakeServer })
  }

  logContext(): string {
    const { name } = this.server
    const server = name === '' ? formatAddress(this.socket.local) : name
    return `client: ${formatHost(this.remote)}, server: ${server}`
  }
}
