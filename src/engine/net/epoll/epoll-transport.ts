/** The transport over our own epoll: see `epoll-loop.ts` for how events come in. */
import type { Log } from '../../core/log.ts'
import { formatAddress, type Address } from '../address.ts'
import type {
  DatagramHandler,
  DatagramListener,
  DatagramPort,
  DatagramSocket,
} from '../datagram.ts'
import { systemError } from '../errors.ts'
import { EINPROGRESS } from '../ffi/constants.ts'
import { connectSocket, localAddress } from '../ffi/socket-calls.ts'
import type { ListenSpec } from '../listen-plan.ts'
import { openOutgoing } from '../outgoing.ts'
import type { Acceptor, Socket, SocketHandler } from '../socket.ts'
import type { Clock, ConnectOptions, Listener, Transport } from '../transport.ts'
import { DatagramBatch } from './datagram-batch.ts'
import { EpollDatagramListener } from './epoll-datagram-listener.ts'
import { EpollDatagramSocket } from './epoll-datagram-socket.ts'
import { EpollListener } from './epoll-listener.ts'
import { EpollLoop } from './epoll-loop.ts'
import { EpollSocket } from './epoll-socket.ts'

const wildcards: readonly string[] = ['0.0.0.0', '::']

export class EpollTransport implements Transport {
  readonly kind = 'epoll'
  readonly clock: Clock
  readonly #loop: EpollLoop
  readonly #log: Log
  #batch: DatagramBatch | undefined

  constructor(log: Log) {
    this.#log = log
    this.#loop = new EpollLoop()
    this.clock = this.#loop.clock
  }

  memory(bytes: number): Buffer {
    return this.#loop.memory(bytes) ?? Buffer.allocUnsafeSlow(bytes)
  }

  listen(descriptor: number, spec: ListenSpec, acceptor: Acceptor): Listener {
    const { address } = spec
    // An intercepted connection (TPROXY) has its original destination as its own address.
    const exact = address.family === 'unix' || !wildcards.includes(address.host)
    return new EpollListener(this.#loop, acceptor, {
      descriptor,
      local: localAddress(descriptor) ?? address,
      exact: exact && spec.options.mesh !== true,
      log: this.#log,
    })
  }

  connect(address: Address, options: ConnectOptions, handler: SocketHandler): Socket {
    let descriptor = -1
    let failure: Error | undefined
    try {
      descriptor = openOutgoing('stream', address, options)
      const errno = connectSocket(descriptor, address)
      if (errno !== 0 && errno !== EINPROGRESS) failure = connectError(errno, address)
    } catch (error) {
      failure = error as Error
    }
    const socket = new EpollSocket(this.#loop, handler, {
      descriptor,
      remote: address,
      local: undefined,
      connecting: true,
    })
    if (failure === undefined) socket.start()
    else socket.destroy(failure)
    return socket
  }

  listenDatagrams(descriptor: number, spec: ListenSpec, port: DatagramPort): DatagramListener {
    this.#batch ??= new DatagramBatch(this.#loop.system)
    return new EpollDatagramListener(this.#loop, port, {
      descriptor,
      local: localAddress(descriptor) ?? spec.address,
      batch: this.#batch,
      log: this.#log,
    })
  }

  connectDatagrams(
    address: Address,
    options: ConnectOptions,
    handler: DatagramHandler,
  ): DatagramSocket {
    const descriptor = openOutgoing('datagram', address, options)
    const errno = connectSocket(descriptor, address)
    if (errno !== 0) {
      this.#loop.libc.close(descriptor)
      throw connectError(errno, address)
    }
    return new EpollDatagramSocket(this.#loop, descriptor, address, handler)
  }

  defer(callback: () => void): void {
    this.#loop.defer(callback)
  }

  close(): void {
    this.#loop.close()
  }
}

function connectError(errno: number, address: Address): Error {
  return systemError('connect', errno, formatAddress(address))
}
