/**
 * A connection over its bare descriptor.
 *
 * Reading is level-triggered: one `recv` per event, straight into the loop's buffer and from there to the
 * handler. Writing goes straight to the kernel; only what it does not take is queued, and only then is
 * the kernel asked to tell when there is room.
 *
 * ```text
 *   connecting ──▶ open ──┬─ peer's FIN ──▶ readEnded ─┬─▶ destroyed ──▶ (end of batch) onClose, close
 *                         └─ our end() ───▶ writeEnded ┘       ▲
 *                                  any failure, destroy() ─────┘
 * ```
 *
 * A paused socket keeps its registration until an event shows that there is something to read: most
 * pauses are shorter than that and cost no system call. An error or hang-up cannot be masked, so a paused
 * socket that has one is not watched at all until it is resumed; what the peer sent before is read first.
 */
import { formatAddress, type Address } from '../address.ts'
import { systemError } from '../errors.ts'
import {
  EAGAIN,
  EINTR,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  MSG_MORE,
  MSG_NOSIGNAL,
  SHUT_WR,
  SO_ERROR,
  SO_LINGER,
  SOL_SOCKET,
  SOL_TCP,
  TCP_NODELAY,
  ECONNRESET,
} from '../ffi/constants.ts'
import { getOption, localAddress, setOption, setOptionPair } from '../ffi/socket-calls.ts'
import { flushesPerBatchMax, readBytesMax, writeQueueBytesMax } from '../limits.ts'
import type { Socket, SocketHandler } from '../socket.ts'
import type { Corpse, EpollLoop, EventTarget } from './epoll-loop.ts'
import { WriteQueue } from './write-queue.ts'

const connecting = 1
const paused = 2
const readEnded = 4
/** `end` was called; FIN follows what is queued. */
const writeEnding = 8
const writeEnded = 16
const destroyed = 32
/** The loop does not watch it: not yet, or because a hang-up waits for `resume`. */
const unwatched = 64

const failed = EPOLLERR | EPOLLHUP

export interface EpollSocketOptions {
  readonly descriptor: number
  readonly remote: Address
  /** Undefined: asked of the kernel when somebody wants to know. */
  readonly local: Address | undefined
  readonly connecting: boolean
}

export class EpollSocket implements Socket, EventTarget, Corpse {
  handler: SocketHandler
  generation = 0
  readonly remote: Address
  bytesRead = 0
  bytesWritten = 0
  descriptor: number
  readonly #loop: EpollLoop
  #state: number
  /** Events that the kernel is asked for. */
  #interest = 0
  #queue: WriteQueue | undefined = undefined
  #local: Address | undefined
  #error: NodeJS.ErrnoException | undefined = undefined

  constructor(loop: EpollLoop, handler: SocketHandler, options: EpollSocketOptions) {
    this.#loop = loop
    this.handler = handler
    this.descriptor = options.descriptor
    this.remote = options.remote
    this.#local = options.local
    this.#state = options.connecting ? connecting | unwatched : unwatched
  }

  get local(): Address {
    this.#local ??= localAddress(this.descriptor) ?? unknownAddress
    return this.#local
  }

  get queued(): number {
    return this.#queue === undefined ? 0 : this.#queue.length
  }

  get destroyed(): boolean {
    return (this.#state & destroyed) !== 0
  }

  /** Begins to watch; called once, when the handler is set. */
  start(): void {
    if ((this.#state & destroyed) === 0) this.#watch()
  }

  write(chunk: Buffer): boolean {
    if ((this.#state & (destroyed | writeEnding)) !== 0) return false
    if (this.#queue !== undefined || (this.#state & connecting) !== 0) {
      return this.#enqueue(chunk, 0)
    }
    const sent = this.#send(chunk, MSG_NOSIGNAL)
    this.bytesWritten += sent
    if (sent === chunk.length) return true
    return (this.#state & destroyed) === 0 && this.#enqueue(chunk, sent)
  }

  writeBoth(head: Buffer, body: Buffer): boolean {
    const loop = this.#loop
    if (head.length + body.length <= loop.output.bytes.length) {
      return this.write(loop.join(head, body))
    }
    if (this.#queue !== undefined || (this.#state & (destroyed | writeEnding | connecting)) !== 0) {
      this.write(head)
    } else {
      const sent = this.#send(head, MSG_NOSIGNAL | MSG_MORE)
      this.bytesWritten += sent
      if (sent < head.length) this.#enqueue(head, sent)
    }
    return this.write(body)
  }

  end(): void {
    if ((this.#state & (destroyed | writeEnding)) !== 0) return
    this.#state |= writeEnding
    if (this.#queue === undefined && (this.#state & connecting) === 0) this.#shutdown()
  }

  destroy(error?: Error, reset = false): void {
    if ((this.#state & destroyed) !== 0) return
    this.#error = error
    // RST instead of FIN: a linger time of zero.
    if (reset && this.descriptor !== -1) {
      setOptionPair(this.descriptor, SOL_SOCKET, SO_LINGER, [1, 0])
    }
    if ((this.#state & unwatched) === 0) this.#loop.forget(this.descriptor)
    this.#state |= destroyed | unwatched
    this.#queue = undefined
    this.#loop.mourn(this)
  }

  pause(): void {
    this.#state |= paused
  }

  resume(): void {
    if ((this.#state & paused) === 0) return
    this.#state &= ~paused
    if ((this.#state & (destroyed | connecting)) === 0) this.#watch()
  }

  setNoDelay(on: boolean): void {
    if (this.remote.family !== 'unix' && this.descriptor !== -1) {
      setOption(this.descriptor, SOL_TCP, TCP_NODELAY, on ? 1 : 0)
    }
  }

  onEvents(events: number): void {
    if ((this.#state & connecting) !== 0) {
      this.#connected(events)
      return
    }
    if (this.#queue !== undefined && (events & (EPOLLOUT | failed)) !== 0) this.#flush()
    if ((events & (EPOLLIN | failed)) === 0 || (this.#state & destroyed) !== 0) return
    if ((this.#state & (paused | readEnded)) === 0) this.#read()
    else this.#hush(events)
  }

  discard(): void {
    this.destroy()
  }

  /** After the batch in which it ended. */
  bury(): void {
    const { descriptor } = this
    try {
      // Before the descriptor goes: the handler may still ask for the address.
      this.handler.onClose(this, this.#error)
    } finally {
      if (descriptor !== -1) this.#loop.libc.close(descriptor)
      this.descriptor = -1
    }
  }

  #read(): void {
    const { libc, input } = this.#loop
    const count = libc.recv(this.descriptor, input.address, readBytesMax, 0)
    if (count > 0) {
      this.bytesRead += count
      this.handler.onData(this, this.#loop.chunk(count))
    } else if (count === 0) {
      this.#finish()
    } else {
      const errno = this.#loop.system.errno()
      if (errno !== EAGAIN && errno !== EINTR) this.#fail('recv', errno)
    }
  }

  /** The peer's FIN. */
  #finish(): void {
    this.#state |= readEnded
    this.handler.onEnd(this)
    if ((this.#state & destroyed) !== 0) return
    if ((this.#state & writeEnded) !== 0) this.destroy()
    else this.#watch()
  }

  /** Something to read came while nobody wants to read. */
  #hush(events: number): void {
    if ((events & failed) === 0) {
      this.#watch()
      return
    }
    if ((this.#state & paused) === 0 && (events & EPOLLERR) !== 0) {
      this.#fail('recv', getOption(this.descriptor, SOL_SOCKET, SO_ERROR) || ECONNRESET)
      return
    }
    this.#unwatch()
  }

  #connected(events: number): void {
    const errno = (events & failed) === 0 ? 0 : getOption(this.descriptor, SOL_SOCKET, SO_ERROR)
    if (errno > 0) {
      this.#fail('connect', errno)
      return
    }
    this.#state &= ~connecting
    this.#watch()
    this.handler.onConnect(this)
    if ((this.#state & destroyed) !== 0) return
    if (this.#queue !== undefined) this.#flush()
    else if ((this.#state & (writeEnding | writeEnded)) === writeEnding) this.#shutdown()
  }

  /** Bytes the kernel took: zero when it is full, and when the connection is broken. */
  #send(chunk: Buffer, flags: number): number {
    const loop = this.#loop
    const sent = loop.send(this.descriptor, chunk, flags)
    if (sent >= 0) return sent
    const errno = loop.system.errno()
    if (errno !== EAGAIN && errno !== EINTR) this.#fail('send', errno)
    return 0
  }

  #enqueue(chunk: Buffer, from: number): boolean {
    if ((this.#state & destroyed) !== 0) return false
    this.#queue ??= new WriteQueue()
    this.#queue.push(chunk, from)
    if (this.#queue.length > writeQueueBytesMax) this.destroy(new Error('write queue overflow'))
    else if ((this.#state & connecting) === 0) this.#watch()
    return false
  }

  #flush(): void {
    const queue = this.#queue!
    for (let i = 0; i < flushesPerBatchMax && queue.length > 0; i += 1) {
      const sent = this.#send(queue.front(), MSG_NOSIGNAL)
      if (sent === 0) break
      this.bytesWritten += sent
      queue.consume(sent)
    }
    if ((this.#state & destroyed) !== 0) return
    if (queue.length === 0) this.#queue = undefined
    this.#watch()
    if (this.#queue !== undefined) return
    if ((this.#state & writeEnding) !== 0) this.#shutdown()
    else this.handler.onDrain(this)
  }

  #shutdown(): void {
    this.#state |= writeEnded
    // Both sides have said all: closing sends the FIN.
    if ((this.#state & readEnded) !== 0) this.destroy()
    // Fails only where the peer has reset the connection, which the next read tells.
    else this.#loop.libc.shutdown(this.descriptor, SHUT_WR)
  }

  #fail(syscall: string, errno: number): void {
    const subject = syscall === 'connect' ? formatAddress(this.remote) : ''
    this.destroy(systemError(syscall, errno, subject))
  }

  /** Brings what the kernel is asked for in line with the state. */
  #watch(): void {
    const reading = (this.#state & (paused | readEnded | connecting)) === 0
    const writing = this.#queue !== undefined || (this.#state & connecting) !== 0
    const interest = (reading ? EPOLLIN : 0) | (writing ? EPOLLOUT : 0)
    if ((this.#state & unwatched) !== 0) {
      this.#state &= ~unwatched
      this.#interest = interest
      this.#loop.add(this.descriptor, this, interest)
    } else if (interest !== this.#interest) {
      this.#interest = interest
      this.#loop.modify(this.descriptor, this, interest)
    }
  }

  #unwatch(): void {
    if ((this.#state & unwatched) !== 0) return
    this.#state |= unwatched
    this.#loop.remove(this.descriptor, this)
  }
}

/** Told of a connection whose descriptor is gone before anybody asked. */
const unknownAddress: Address = Object.freeze({ family: 'unix', path: '' })
