/** The transport over Node's own sockets, for machines where we cannot talk to the kernel ourselves. */
import { Socket as NodeStream } from 'node:net'
import type { Log } from '../../core/log.ts'
import type { Address } from '../address.ts'
import type {
  DatagramHandler,
  DatagramListener,
  DatagramPort,
  DatagramSocket,
} from '../datagram.ts'
import type { KeepAliveOptions, ListenSpec } from '../listen-plan.ts'
import type { Acceptor, Socket, SocketHandler } from '../socket.ts'
import type { Clock, ConnectOptions, Listener, Transport } from '../transport.ts'
import { NodeDatagramListener, NodeDatagramSocket } from './node-datagrams.ts'
import { NodeListener } from './node-listener.ts'
import { NodeSocket } from './node-socket.ts'

export class NodeTransport implements Transport {
  readonly kind = 'node'
  readonly clock: Clock = { now: () => performance.now() }

  memory(bytes: number): Buffer {
    return Buffer.allocUnsafeSlow(bytes)
  }
  readonly #log: Log
  readonly #open = new Set<{ close(): void }>()

  constructor(log: Log) {
    this.#log = log
  }

  listen(descriptor: number, spec: ListenSpec, acceptor: Acceptor): Listener {
    return this.#keep(new NodeListener(descriptor, spec, acceptor, this.#log))
  }

  connect(address: Address, options: ConnectOptions, handler: SocketHandler): Socket {
    const stream = new NodeStream({ allowHalfOpen: true })
    if (address.family === 'unix') stream.connect({ path: address.path })
    else {
      const { bind } = options
      stream.setNoDelay(options.noDelay !== false)
      if (options.keepAlive !== undefined) keepAlive(stream, options.keepAlive)
      const local = bind === undefined ? {} : { localAddress: bind.host, localPort: bind.port }
      stream.connect({ host: address.host, port: address.port, ...local })
    }
    return new NodeSocket(stream, handler, {
      remote: address,
      connecting: true,
    })
  }

  listenDatagrams(descriptor: number, spec: ListenSpec, port: DatagramPort): DatagramListener {
    return this.#keep(new NodeDatagramListener(descriptor, spec, port, this.#log))
  }

  connectDatagrams(
    address: Address,
    options: ConnectOptions,
    handler: DatagramHandler,
  ): DatagramSocket {
    return new NodeDatagramSocket(address, options, handler)
  }

  defer(callback: () => void): void {
    setImmediate(callback)
  }

  close(): void {
    for (const listener of this.#open) listener.close()
    this.#open.clear()
  }

  #keep<T extends { close(): void }>(listener: T): T {
    this.#open.add(listener)
    return listener
  }
}

function keepAlive(stream: NodeStream, { enabled, idleSeconds }: KeepAliveOptions): void {
  stream.setKeepAlive(enabled, (idleSeconds ?? 0) * 1000)
}
