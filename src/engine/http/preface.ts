/**
 * What comes before HTTP on a connection: the header of the PROXY protocol, the handshake of TLS, both, or
 * neither, as the `listen` directives of the port say.
 *
 * ```text
 *   accepted ──▶ PROXY header ──▶ first byte: a handshake? ── yes ──▶ TLS ──▶ HTTP
 *                                                          └─ no ──▶ HTTP, answered with a 400
 * ```
 */
import { formatAddress, formatHost } from '../net/address.ts'
import { parseProxyHeader, type ProxyHeader } from '../net/proxy-protocol.ts'
import type { Socket, SocketHandler } from '../net/socket.ts'
import { secureServer, type TlsServerSettings } from '../net/tls/secure-server.ts'
import { Timer, type TimerOwner } from '../net/timing-wheel.ts'
import type { HttpEngine } from './engine.ts'
import type { HttpPort, HttpServer } from './server.ts'

const nothing: Buffer = Buffer.alloc(0)

/** First byte of a TLS record that holds a handshake; SSL 2 hellos have the top bit set, as in nginx. */
const handshakeRecord = 22
const oldHello = 0x80

/** Reads what comes first on this port, then begins with HTTP. */
export function enter(engine: HttpEngine, port: HttpPort, socket: Socket): void {
  const proxied = (port.traits.get('proxy_protocol') ?? 0) > 0
  const secured = (port.traits.get('ssl') ?? 0) > 0
  if (!proxied && !secured) engine.begin({ port, socket, secure: false, proxy: undefined })
  else new Preface(engine, port, socket, { proxied, secured }).start()
}

interface Expected {
  readonly proxied: boolean
  readonly secured: boolean
}

class Preface implements SocketHandler, TimerOwner {
  readonly #engine: HttpEngine
  readonly #port: HttpPort
  readonly #socket: Socket
  readonly #timer: Timer
  readonly #expected: Expected
  #bytes: Buffer = nothing
  #proxy: ProxyHeader | undefined

  constructor(engine: HttpEngine, port: HttpPort, socket: Socket, expected: Expected) {
    this.#engine = engine
    this.#port = port
    this.#socket = socket
    this.#timer = new Timer(this)
    this.#expected = expected
  }

  start(): void {
    this.#socket.handler = this
    this.#engine.services.timers.arm(this.#timer, this.#server.core.client_header_timeout)
  }

  get #server(): HttpServer {
    return this.#port.fallback!
  }

  onConnect(): void {}

  onData(_socket: Socket, chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    if (this.#expected.proxied && this.#proxy === undefined && !this.#readProxy()) return
    if (this.#expected.secured) {
      if (this.#bytes.length === 0) return
      this.#engine.services.timers.cancel(this.#timer)
      const first = this.#bytes[0]!
      if (first === handshakeRecord || (first & oldHello) !== 0) {
        this.#secure()
        return
      }
    }
    this.#begin()
  }

  /** True when the header is whole; the bytes behind it are left. */
  #readProxy(): boolean {
    const header = parseProxyHeader(this.#bytes)
    if (header === 'incomplete') return false
    if ('fault' in header) {
      this.#log('error', header.fault)
      this.#socket.destroy()
      return false
    }
    this.#proxy = header
    this.#bytes = this.#bytes.subarray(header.length)
    return true
  }

  #begin(): void {
    this.#engine.services.timers.cancel(this.#timer)
    const socket = this.#socket
    const rest = this.#bytes
    const start = { port: this.#port, socket, secure: false, proxy: this.#proxy }
    const connection = this.#engine.begin(start)
    if (rest.length > 0) connection.onData(socket, rest)
  }

  #secure(): void {
    const { services } = this.#engine
    const choice = new NameChoice(this.#port)
    const handshake = new Handshake(this.#engine, this.#port, this.#proxy, choice)
    secureServer(this.#socket, handshake, {
      transport: services.transport,
      timeout: { wheel: services.timers, ms: this.#server.core.client_header_timeout },
      head: this.#bytes,
      select: (hello) => choice.select(hello?.serverName),
    })
  }

  onEnd(): void {
    this.#socket.destroy()
  }

  onDrain(): void {}

  onClose(): void {
    this.#engine.services.timers.cancel(this.#timer)
  }

  onTimeout(): void {
    this.#socket.destroy()
  }

  #log(level: 'error' | 'info', message: string): void {
    this.#server.errorLog.write(level, `${message}, ${contextOf(this.#socket)}`)
  }
}

/** Which server a handshake is for: the one that its name means, or the port's default. */
class NameChoice {
  readonly #port: HttpPort
  server: HttpServer
  rejected = false

  constructor(port: HttpPort) {
    this.#port = port
    this.server = port.fallback!
  }

  select(name: string | undefined): TlsServerSettings | 'reject' {
    const fallback = this.#port.fallback!
    this.server = (name && this.#port.names.find(name)?.server) || fallback
    const { tls } = this.server
    // A server without a certificate borrows the default server's, as in nginx.
    const settings = tls?.rejectHandshake === true ? undefined : (tls ?? fallback.tls)?.settings
    this.rejected = settings === undefined
    return settings ?? 'reject'
  }
}

/** Waits for a handshake to end. */
class Handshake implements SocketHandler {
  readonly #engine: HttpEngine
  readonly #port: HttpPort
  readonly #proxy: ProxyHeader | undefined
  readonly #choice: NameChoice

  constructor(
    engine: HttpEngine,
    port: HttpPort,
    proxy: ProxyHeader | undefined,
    choice: NameChoice,
  ) {
    this.#engine = engine
    this.#port = port
    this.#proxy = proxy
    this.#choice = choice
  }

  onConnect(socket: Socket): void {
    const { server } = this.#choice
    const start = { port: this.#port, socket, secure: true, proxy: this.#proxy, server }
    this.#engine.begin(start)
  }

  onData(): void {
    // Nothing is delivered before the handshake is done.
  }

  onEnd(socket: Socket): void {
    socket.destroy()
  }

  onDrain(): void {}

  onClose(socket: Socket, error: NodeJS.ErrnoException | undefined): void {
    const { errorLog } = this.#choice.server
    const reason = this.#choice.rejected ? 'handshake rejected' : error?.message
    if (!errorLog.takes('info')) return
    const text = `SSL_do_handshake() failed (${reason ?? 'closed'}) while SSL handshaking`
    errorLog.write('info', `${text}, ${contextOf(socket)}`)
  }
}

function contextOf({ remote, local }: Socket): string {
  return `client: ${formatHost(remote)}, server: ${formatAddress(local)}`
}
