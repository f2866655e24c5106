/** Reads the PROXY protocol header that stands before everything else on a connection. */
import { failureText } from '../net/errors.ts'
import { parseProxyHeader } from '../net/proxy-protocol.ts'
import type { Socket, SocketHandler } from '../net/socket.ts'
import { Timer, type TimerOwner } from '../net/timing-wheel.ts'
import type { Session } from './session.ts'

export class ProxyHeaderReader implements SocketHandler, TimerOwner {
  readonly #session: Session
  readonly #timer: Timer
  #bytes: Buffer = Buffer.alloc(0)

  constructor(session: Session) {
    this.#session = session
    this.#timer = new Timer(this)
  }

  start(): void {
    const { client, services, server } = this.#session
    this.#session.action = 'reading PROXY protocol'
    client.handler = this
    services.timers.arm(this.#timer, server.core.proxy_protocol_timeout)
  }

  onConnect(): void {
    // The client's connection is there already.
  }

  onData(_socket: Socket, chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const header = parseProxyHeader(this.#bytes)
    if (header === 'incomplete') return
    if ('fault' in header) {
      // The text says already what was being done.
      this.#session.log('error', header.fault.replace(/ while reading PROXY protocol$/, ''))
      this.#end(400)
      return
    }
    this.#session.services.timers.cancel(this.#timer)
    this.#session.facts.proxyHeader = header
    this.#session.preread = this.#bytes.subarray(header.length)
    this.#session.action = 'initializing session'
    this.#session.start()
  }

  onEnd(): void {
    this.#session.clientEnded = true
    this.#end(400)
  }

  onDrain(): void {
    // Nothing is written here.
  }

  onClose(_socket: Socket, error: NodeJS.ErrnoException | undefined): void {
    if (error !== undefined) this.#session.log('info', failureText(error))
    this.#end(400)
  }

  onTimeout(): void {
    this.#session.log('info', 'client timed out (110: Connection timed out)')
    this.#end(200)
  }

  #end(status: 200 | 400): void {
    this.#session.services.timers.cancel(this.#timer)
    this.#session.finalize(status)
  }
}
