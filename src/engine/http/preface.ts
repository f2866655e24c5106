/**
 * What comes before HTTP on a connection: the header of the PROXY protocol, the handshake of TLS, both, or
 * neither, as the `listen` directives of the port say; and which version of HTTP it is then.
 *
 * ```text
 *   accepted ──▶ PROXY header ──▶ first byte: a handshake? ── yes ──▶ TLS ──▶ HTTP, as ALPN has it
 *                          │                               └─ no ──▶ HTTP/1, answered with a 400
 *                          └─ without TLS: the preface of HTTP/2? ──▶ HTTP/2 or HTTP/1
 * ```
 */
import { formatAddress, formatHost } from '../net/address.ts'
import { parseProxyHeader, type ProxyHeader } from '../net/proxy-protocol.ts'
import type { Socket, SocketHandler } from '../net/socket.ts'
import { secureServer, type ServerChoice } from '../net/tls/secure-server.ts'
import { Timer, type TimerOwner } from '../net/timing-wheel.ts'
import type { SecureSocket } from '../net/tls/secure-socket.ts'
import type { HttpEngine } from './engine.ts'
import { settingsForClient } from './handshake-settings.ts'
import { clientPreface } from './http2/frames.ts'
import { httpHttp2 } from './modules/http2.ts'
import type { HttpPort, HttpServer } from './server.ts'

const nothing: Buffer = Buffer.alloc(0)

/** First byte of a TLS record that holds a handshake; SSL 2 hellos have the top bit set, as in nginx. */
const handshakeRecord = 22
const oldHello = 0x80

/** Reads what comes first on this port, then begins with HTTP. */
export function enter(engine: HttpEngine, port: HttpPort, socket: Socket): void {
  const proxied = (port.traits.get('proxy_protocol') ?? 0) > 0
  const secured = (port.traits.get('ssl') ?? 0) > 0
  const versions = !secured && speaksHttp2(port, port.fallback!)
  if (!proxied && !secured && !versions) {
    engine.begin({ port, socket, secure: false, proxy: undefined })
  } else new Preface(engine, port, socket, { proxied, secured, versions }).start()
}

/** `listen … http2` holds for all servers of an address, `http2 on` for the one that says it. */
function speaksHttp2(port: HttpPort, server: HttpServer): boolean {
  return (port.traits.get('http2') ?? 0) > 0 || server.scope.conf(httpHttp2).http2
}

interface Expected {
  readonly proxied: boolean
  readonly secured: boolean
  /** Both versions of HTTP are spoken, and the first bytes tell which. */
  readonly versions: boolean
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
    const version = this.#expected.versions ? versionOf(this.#bytes) : 1
    if (version !== undefined) this.#begin(version)
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

  #begin(version: 1 | 2): void {
    this.#engine.services.timers.cancel(this.#timer)
    const socket = this.#socket
    const rest = this.#bytes
    const start = { port: this.#port, socket, secure: false, proxy: this.#proxy }
    const connection = this.#engine.begin(start, version)
    if (rest.length > 0) connection.onData(socket, rest)
  }

  #secure(): void {
    const { services } = this.#engine
    const choice = new NameChoice(this.#engine, this.#port, this.#proxy)
    const handshake = new Handshake(this.#engine, this.#port, this.#proxy, choice)
    secureServer(this.#socket, handshake, {
      timeout: { wheel: services.timers, ms: this.#server.core.client_header_timeout },
      head: this.#bytes,
      select: (hello, socket) => choice.select(hello?.serverName, socket),
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

/** The version of HTTP that a connection begins with; `undefined` while it could be either. */
function versionOf(bytes: Buffer): 1 | 2 | undefined {
  const length = Math.min(bytes.length, clientPreface.length)
  if (bytes.compare(clientPreface, 0, length, 0, length) !== 0) return 1
  return length === clientPreface.length ? 2 : undefined
}

/** Which server a handshake is for: the one that its name means, or the port's default. */
class NameChoice {
  readonly #engine: HttpEngine
  readonly #port: HttpPort
  readonly #proxy: ProxyHeader | undefined
  server: HttpServer
  rejected = false

  constructor(engine: HttpEngine, port: HttpPort, proxy: ProxyHeader | undefined) {
    this.#engine = engine
    this.#port = port
    this.#proxy = proxy
    this.server = port.fallback!
  }

  select(name: string | undefined, socket: SecureSocket): ServerChoice {
    const [engine, port, proxy] = [this.#engine, this.#port, this.#proxy]
    const fallback = port.fallback!
    this.server = (name && port.names.find(name)?.server) || fallback
    const { server } = this
    // A server without a certificate borrows the default server's, as in nginx.
    const tls = server.tls?.rejectHandshake === true ? undefined : (server.tls ?? fallback.tls)
    const start = { engine, port, socket, secure: true, proxy, server }
    const choice = tls && settingsForClient(tls, start, speaksHttp2(port, server))
    this.rejected = choice === undefined || choice === 'reject'
    return choice ?? 'reject'
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
    const agreed = (socket as SecureSocket).facts?.alpn
    this.#engine.begin(start, agreed === 'h2' ? 2 : 1)
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
