/** Accepts through a server of `node:net`. */
import { createServer, type ListenOptions, type Server, type Socket as NodeStream } from 'node:net'
import type { Log } from '../../core/log.ts'
import type { Address } from '../address.ts'
import { failureText } from '../errors.ts'
import { idleHandler } from '../idle-handler.ts'
import { backlogConnections, readBytesMax } from '../limits.ts'
import type { ListenSpec } from '../listen-plan.ts'
import type { Acceptor } from '../socket.ts'
import type { Listener } from '../transport.ts'
import { NodeSocket, remoteOf } from './node-socket.ts'

export class NodeListener implements Listener {
  acceptor: Acceptor
  readonly #spec: ListenSpec
  readonly #descriptor: number
  readonly #server: Server
  #started = false

  constructor(descriptor: number, spec: ListenSpec, acceptor: Acceptor, log: Log) {
    this.acceptor = acceptor
    this.#spec = spec
    this.#descriptor = descriptor
    const options = { allowHalfOpen: true, noDelay: true, highWaterMark: readBytesMax }
    this.#server = createServer(options, (stream) => this.#accepted(stream))
    this.#server.on('error', (error) => log.write('alert', failureText(error)))
  }

  get local(): Address {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') return this.#spec.address
    return {
      family: address.family === 'IPv6' ? 6 : 4,
      host: address.address,
      port: address.port,
    }
  }

  start(): void {
    if (this.#started) return
    this.#started = true
    const fd = this.#descriptor
    this.#server.listen(fd === -1 ? listenOptions(this.#spec) : { fd })
  }

  close(): void {
    this.#server.close()
  }

  #accepted(stream: NodeStream): void {
    const socket = new NodeSocket(stream, idleHandler, {
      remote: remoteOf(stream),
      connecting: false,
    })
    this.acceptor.onAccept(socket)
  }
}

function listenOptions({ address, options }: ListenSpec): ListenOptions {
  const backlog = options.backlog ?? backlogConnections
  if (address.family === 'unix')
    return { path: address.path, backlog, writableAll: true, readableAll: true }
  return {
    host: address.host,
    port: address.port,
    backlog,
    ipv6Only: options.ipv6only ?? true,
    reusePort: options.reuseport ?? false,
  }
}
