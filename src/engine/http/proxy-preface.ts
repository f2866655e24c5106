/** Reads the header of the PROXY protocol that comes before HTTP (`listen … proxy_protocol`). */
import { formatAddress } from '../net/address.ts'
import { parseProxyHeader, type ProxyHeader } from '../net/proxy-protocol.ts'
import type { Socket, SocketHandler } from '../net/socket.ts'
import { Timer, type TimerOwner } from '../net/timing-wheel.ts'
import type { HttpEngine } from './engine.ts'
import type { HttpPort } from './server.ts'

const nothing: Buffer = Buffer.alloc(0)

export class ProxyPreface implements SocketHandler, TimerOwner {
  readonly #engine: HttpEngine
  readonly #port: HttpPort
  readonly #socket: Socket
  readonly #timer: Timer
  #bytes: Buffer = nothing

  constructor(engine: HttpEngine, port: HttpPort, socket: Socket) {
    this.#engine = engine
    this.#port = port
    this.#socket = socket
    this.#timer = new Timer(this)
  }

  start(): void {
    this.#socket.handler = this
    this.#engine.services.timers.arm(this.#timer, this.#port.fallback!.core.client_header_timeout)
  }

  onConnect(): void {}

  onData(socket: Socket, chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const header = parseProxyHeader(this.#bytes)
    if (header === 'incomplete') return
    this.#engine.services.timers.cancel(this.#timer)
    if ('fault' in header) this.#refuse(header.fault)
    else this.#begin(socket, header)
  }

  #begin(socket: Socket, header: ProxyHeader): void {
    const rest = this.#bytes.subarray(header.length)
    const port = this.#port
    const connection = this.#engine.begin({ port, socket, secure: false, proxy: header })
    if (rest.length > 0) connection.onData(socket, rest)
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

  #refuse(fault: string): void {
    const { errorLog } = this.#port.fallback!
    const { local } = this.#socket
    errorLog.write('error', `${fault}, server: ${formatAddress(local)}`)
    this.#socket.destroy()
  }
}
