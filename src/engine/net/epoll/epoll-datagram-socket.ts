/** A UDP socket connected to one peer, such as an upstream. */
import type { Address } from '../address.ts'
import type { DatagramHandler, DatagramSocket } from '../datagram.ts'
import { systemError } from '../errors.ts'
import { EAGAIN, EINTR, EPOLLIN, MSG_NOSIGNAL } from '../ffi/constants.ts'
import { localAddress } from '../ffi/socket-calls.ts'
import { datagramsPerCallMax } from '../limits.ts'
import type { EpollLoop, EventTarget } from './epoll-loop.ts'

export class EpollDatagramSocket implements DatagramSocket, EventTarget {
  handler: DatagramHandler
  generation = 0
  readonly remote: Address
  bytesRead = 0
  bytesWritten = 0
  readonly #loop: EpollLoop
  #descriptor: number
  #local: Address | undefined = undefined
  #closed = false

  constructor(loop: EpollLoop, descriptor: number, remote: Address, handler: DatagramHandler) {
    this.#loop = loop
    this.#descriptor = descriptor
    this.remote = remote
    this.handler = handler
    loop.add(descriptor, this, EPOLLIN)
  }

  get local(): Address {
    this.#local ??= localAddress(this.#descriptor) ?? { family: 'unix', path: '' }
    return this.#local
  }

  send(data: Buffer): boolean {
    if (this.#closed) return false
    const sent = this.#loop.send(this.#descriptor, data, MSG_NOSIGNAL)
    if (sent >= 0) {
      this.bytesWritten += sent
      return true
    }
    this.#failed('send')
    return false
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#loop.remove(this.#descriptor, this)
    this.#loop.libc.close(this.#descriptor)
    this.#descriptor = -1
  }

  discard(): void {
    this.close()
  }

  onEvents(): void {
    const { libc, input } = this.#loop
    for (let i = 0; i < datagramsPerCallMax && !this.#closed; i += 1) {
      const count = libc.recv(this.#descriptor, input.address, input.bytes.length, 0)
      if (count < 0) {
        this.#failed('recv')
        return
      }
      this.bytesRead += count
      this.handler.onDatagram(this, this.#loop.chunk(count))
    }
  }

  /** Errors come one by one, each told once; the next call goes on. */
  #failed(syscall: string): void {
    const errno = this.#loop.system.errno()
    if (errno === EAGAIN || errno === EINTR) return
    this.handler.onError(this, systemError(syscall, errno))
  }
}
