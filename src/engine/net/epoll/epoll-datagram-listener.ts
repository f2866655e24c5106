/** Takes datagrams from a bound UDP descriptor, many at a call. */
import type { Log } from '../../core/log.ts'
import type { Address, InetAddress } from '../address.ts'
import type { Datagram, DatagramListener, DatagramPort, ReplyPath } from '../datagram.ts'
import { errnoText, systemError } from '../errors.ts'
import { EAGAIN, EINTR, EPOLLIN } from '../ffi/constants.ts'
import { datagramCallsPerBatchMax, datagramsPerCallMax } from '../limits.ts'
import type { DatagramBatch, Destination } from './datagram-batch.ts'
import type { EpollLoop, EventTarget } from './epoll-loop.ts'
import { BoundReplyPath, SharedReplyPath, SourcedReplyPath } from './reply-path.ts'

export class EpollDatagramListener implements DatagramListener, EventTarget {
  port: DatagramPort
  generation = 0
  descriptor: number
  readonly local: Address
  readonly #loop: EpollLoop
  readonly #batch: DatagramBatch
  readonly #log: Log
  readonly #datagram: ArrivedDatagram
  #watched = false
  #closed = false

  constructor(
    loop: EpollLoop,
    port: DatagramPort,
    options: {
      readonly descriptor: number
      readonly local: Address
      readonly batch: DatagramBatch
      readonly log: Log
    },
  ) {
    this.#loop = loop
    this.port = port
    this.descriptor = options.descriptor
    this.local = options.local
    this.#batch = options.batch
    this.#log = options.log
    this.#datagram = new ArrivedDatagram(this, options.batch)
  }

  start(): void {
    if (this.#watched || this.#closed) return
    this.#watched = true
    this.#loop.add(this.descriptor, this, EPOLLIN)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#watched) this.#loop.remove(this.descriptor, this)
    this.#watched = false
    this.#loop.libc.close(this.descriptor)
    this.descriptor = -1
  }

  discard(): void {
    this.close()
  }

  onEvents(): void {
    for (let call = 0; call < datagramCallsPerBatchMax && this.#watched; call += 1) {
      const count = this.#batch.receive(this.descriptor)
      if (count < 0) {
        this.#failed(this.#loop.system.errno())
        return
      }
      for (let index = 0; index < count && this.#watched; index += 1) {
        this.#datagram.select(index)
        this.port.onDatagram(this, this.#datagram)
      }
      if (count < datagramsPerCallMax) return
    }
  }

  /** An ICMP error of an earlier answer shows here too; the socket goes on. */
  #failed(errno: number): void {
    if (errno === EAGAIN || errno === EINTR) return
    this.#log.write('info', `recvmmsg() failed (${errnoText(systemError('recvmmsg', errno))})`)
  }
}

/** The datagram that is being told; one object per listener, pointed at each in turn. */
class ArrivedDatagram implements Datagram {
  readonly #listener: EpollDatagramListener
  readonly #batch: DatagramBatch
  #index = 0
  #destination: Destination | undefined | 'not read' = 'not read'

  constructor(listener: EpollDatagramListener, batch: DatagramBatch) {
    this.#listener = listener
    this.#batch = batch
  }

  select(index: number): void {
    this.#index = index
    this.#destination = 'not read'
  }

  get data(): Buffer {
    return this.#batch.data(this.#index)
  }

  get remote(): Address {
    return this.#batch.remote(this.#index)
  }

  get local(): Address {
    const { local } = this.#listener
    const destination = this.#readDestination()
    if (destination === undefined || local.family === 'unix') return local
    const { family, host, port } = destination
    return { family, host, port: port ?? local.port }
  }

  get sessionKey(): string | number {
    const number = this.#batch.remoteNumber(this.#index)
    const destination = this.#readDestination()
    if (number !== -1 && destination === undefined) return number
    const client = this.#batch.rawRemote(this.#index).toString('latin1')
    return `${client} ${destination?.host ?? ''} ${destination?.port ?? ''}`
  }

  openReply(): ReplyPath {
    const { remote, local } = this
    const rawRemote = Buffer.from(this.#batch.rawRemote(this.#index))
    const own = this.#listener.local
    if (this.#readDestination() === undefined || local.family === 'unix' || own.family === 'unix') {
      return new SharedReplyPath(this.#listener, { remote, rawRemote, local })
    }
    const inet: InetAddress = local
    return inet.port === own.port
      ? new SourcedReplyPath(this.#listener, { remote, rawRemote, local: inet })
      : new BoundReplyPath({ remote, rawRemote, local: inet })
  }

  #readDestination(): Destination | undefined {
    if (this.#destination === 'not read') {
      this.#destination = this.#batch.destination(this.#index)
    }
    return this.#destination
  }
}
