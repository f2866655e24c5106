/**
 * Accepts connections from a listening descriptor.
 *
 * The descriptor may be shared with other workers, so the kernel may have given a connection away by the
 * time we ask; that is not an error. When no descriptor or memory is left, accepting rests for a while:
 * the event would come again at once and burn the processor that is needed to end something.
 */
import type { Log } from '../../core/log.ts'
import type { Address } from '../address.ts'
import { errnoText, systemError } from '../errors.ts'
import {
  EAGAIN,
  ECONNABORTED,
  EINTR,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  EPOLLIN,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
} from '../ffi/constants.ts'
import { decodeSockaddr, sockaddrBytesMax } from '../ffi/sockaddr.ts'
import { idleHandler } from '../idle-handler.ts'
import { acceptPauseMs, acceptsPerBatchMax } from '../limits.ts'
import type { Acceptor } from '../socket.ts'
import type { Listener } from '../transport.ts'
import type { EpollLoop, EventTarget } from './epoll-loop.ts'
import { EpollSocket } from './epoll-socket.ts'

const lengthWord = sockaddrBytesMax / 4
const exhausted: readonly number[] = [EMFILE, ENFILE, ENOBUFS, ENOMEM]

export interface EpollListenerOptions {
  readonly descriptor: number
  readonly local: Address
  /** True when every accepted connection has `local` itself as its own address. */
  readonly exact: boolean
  readonly log: Log
}

export class EpollListener implements Listener, EventTarget {
  acceptor: Acceptor
  generation = 0
  readonly local: Address
  readonly #loop: EpollLoop
  readonly #log: Log
  readonly #exact: boolean
  #descriptor: number
  #watched = false
  #closed = false
  #rest: NodeJS.Timeout | undefined = undefined

  constructor(loop: EpollLoop, acceptor: Acceptor, options: EpollListenerOptions) {
    this.#loop = loop
    this.acceptor = acceptor
    this.local = options.local
    this.#exact = options.exact
    this.#descriptor = options.descriptor
    this.#log = options.log
  }

  start(): void {
    if (this.#watched || this.#closed) return
    this.#watched = true
    // Workers that share the descriptor are all woken: EPOLLEXCLUSIVE has no effect on an epoll within
    // another, as ours is within Node's. Whoever comes late finds nothing; `reuseport` spares even that.
    this.#loop.add(this.#descriptor, this, EPOLLIN)
  }

  #stop(): void {
    clearTimeout(this.#rest)
    this.#rest = undefined
    if (!this.#watched) return
    this.#watched = false
    this.#loop.remove(this.#descriptor, this)
  }

  close(): void {
    if (this.#closed) return
    // Unregistered by hand: other processes hold the descriptor too, so closing it would not do it.
    this.#stop()
    this.#closed = true
    this.#loop.libc.close(this.#descriptor)
    this.#descriptor = -1
  }

  discard(): void {
    this.close()
  }

  onEvents(): void {
    for (let i = 0; i < acceptsPerBatchMax && this.#watched; i += 1) {
      if (!this.#accept()) return
    }
  }

  /** Takes one connection; false when there is none for now. */
  #accept(): boolean {
    const { libc, peer, system } = this.#loop
    peer.i32[lengthWord] = sockaddrBytesMax
    const flags = SOCK_NONBLOCK | SOCK_CLOEXEC
    const lengthAddress = peer.address + sockaddrBytesMax
    const descriptor = libc.accept4(this.#descriptor, peer.address, lengthAddress, flags)
    if (descriptor < 0) return this.#refused(system.errno())
    const socket = new EpollSocket(this.#loop, idleHandler, {
      descriptor,
      remote: decodeSockaddr(peer.bytes, 0, peer.i32[lengthWord] ?? 0),
      local: this.#exact ? this.local : undefined,
      connecting: false,
    })
    this.acceptor.onAccept(socket)
    socket.start()
    return true
  }

  /** True when the next one may still be taken. */
  #refused(errno: number): boolean {
    if (errno === EAGAIN) return false
    if (errno === EINTR) return true
    const text = `accept4() failed (${errnoText(systemError('accept4', errno))})`
    if (errno === ECONNABORTED) {
      this.#log.write('error', text)
      return true
    }
    this.#log.write(exhausted.includes(errno) ? 'crit' : 'alert', text)
    this.#stop()
    this.#rest = setTimeout(() => this.start(), acceptPauseMs)
    return false
  }
}
