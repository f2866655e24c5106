/**
 * One epoll instance, in which the process waits for its sockets and for Node's own loop.
 *
 * Node waits in its loop and calls back; two waits for one event, and a call that is made with ceremony,
 * cost as much as half a request does. So it is the other way round here: while sockets are watched, the
 * process waits in `epoll_wait`, in one immediate that goes on for as long as Node has nothing to do itself,
 * and Node's descriptor is one of those that are watched.
 *
 * ```text
 *   Node's loop ─▶ immediate: ┌▶ epoll_wait(as long as Node would sleep) ◀── sockets, listeners, Node's loop
 *        ▲                    └─ every event to its target · close what ended · promises
 *        └── a timer or an immediate is due, a descriptor of Node's is ready
 * ```
 *
 * A descriptor's number is used again as soon as it is closed, and events of the old one may still come:
 * within the batch, and while a child process that is being started holds a copy. So an event carries the
 * generation of its registration. Connections end after the batch all the same: `onClose` never comes
 * from within a call of their own.
 */
import assert from 'node:assert/strict'
import { addressOf, type Arena, type Region } from '../ffi/arena.ts'
import { EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } from '../ffi/constants.ts'
import { requireSystem, type Libc, type System } from '../ffi/libc.ts'
import { check } from '../ffi/socket-calls.ts'
import { sockaddrBytesMax } from '../ffi/sockaddr.ts'
import {
  datagramBytesMax,
  deferredBatchesMax,
  eventsPerBatchMax,
  joinBytesMax,
  readBytesMax,
} from '../limits.ts'
import { LoopClock } from './loop-clock.ts'
import { type Waiter, waiters } from './waiters.ts'

/** `struct epoll_event` is packed on x64 only: events, then data. In words of four bytes. */
const layout =
  process.arch === 'x64' ? { words: 3, fd: 1, generation: 2 } : { words: 4, fd: 2, generation: 3 }

/** Chunks up to this size come as a cached view: most reads are small, and a view costs as much as they do. */
const cachedChunkBytesMax = 8 * 1024
const arenaBytes = 256 * 1024
/** A datagram must fit whole, so sockets for those read more at once. */
const inputBytes: number = Math.max(readBytesMax, datagramBytesMax)

/** Whose descriptor is watched. */
export interface EventTarget {
  /** Set by the loop; an event of another generation is of a descriptor that is gone. */
  generation: number
  onEvents(events: number): void
  /** The loop ends: give the descriptor up. */
  discard(): void
}

/** What is to be closed when the batch is over. */
export interface Corpse {
  bury(): void
}

export class EpollLoop implements Waiter {
  readonly clock: LoopClock = new LoopClock()
  readonly system: System
  readonly libc: Libc
  /** Where every `recv` puts its bytes. */
  readonly input: Region
  /** Where a head and its body are put together. */
  readonly output: Region
  /** A socket address and its length (the last word), for `accept4`. */
  readonly peer: Region
  readonly descriptor: number
  readonly #events: Region
  readonly #event: Region
  readonly #targets: (EventTarget | undefined)[] = []
  readonly #chunks: (Buffer | undefined)[] = []
  readonly #arena: Arena
  #generation = 0
  /** For how many things the process waits: descriptors, and what is deferred. */
  #awaited = 0
  #corpses: Corpse[] = []
  #deferred: (() => void)[] = []
  /** Batches since something was deferred. */
  #deferredFor = 0
  #inBatch = false
  #burialDue = false
  #closed = false

  constructor() {
    this.system = requireSystem()
    this.libc = this.system.libc
    const arena = this.system.createArena(arenaBytes)
    this.input = arena.take(inputBytes)
    this.output = arena.take(joinBytesMax)
    this.peer = arena.take(sockaddrBytesMax + 4)
    this.#events = arena.take(eventsPerBatchMax * layout.words * 4)
    this.#event = arena.take(layout.words * 4)
    this.#arena = arena
    this.descriptor = check(this.libc.epoll_create1(EPOLL_CLOEXEC), 'epoll_create1')
    waiters.join(this)
  }

  /** A buffer within the loop's own memory, from which sending is cheapest; `undefined` when that is used up. */
  memory(bytes: number): Buffer | undefined {
    return bytes <= this.#arena.free ? this.#arena.take(bytes).bytes : undefined
  }

  /** `send(2)`, by address where that is known. */
  send(fd: number, chunk: Buffer, flags: number): number {
    const address = addressOf(chunk)
    return address > 0
      ? this.libc.send(fd, address, chunk.length, flags)
      : this.libc.sendBuffer(fd, chunk, chunk.length, flags)
  }

  /** The first `length` bytes of `input`. */
  chunk(length: number): Buffer {
    if (length > cachedChunkBytesMax) return this.input.bytes.subarray(0, length)
    const known = this.#chunks[length]
    if (known !== undefined) return known
    const chunk = this.input.bytes.subarray(0, length)
    this.#chunks[length] = chunk
    return chunk
  }

  /** Both chunks in one piece; together they fit into `output`. */
  join(head: Buffer, body: Buffer): Buffer {
    const { bytes } = this.output
    head.copy(bytes, 0)
    body.copy(bytes, head.length)
    return bytes.subarray(0, head.length + body.length)
  }

  add(fd: number, target: EventTarget, events: number): void {
    this.include(fd, target, events)
    this.#await(1)
  }

  /** Watches a descriptor for whose sake alone nobody waits. */
  include(fd: number, target: EventTarget, events: number): void {
    assert(!this.#closed, 'the loop is open')
    this.#generation = (this.#generation + 1) >>> 0
    target.generation = this.#generation
    this.#targets[fd] = target
    this.#control(EPOLL_CTL_ADD, fd, target, events)
  }

  modify(fd: number, target: EventTarget, events: number): void {
    this.#control(EPOLL_CTL_MOD, fd, target, events)
  }

  /** Stops watching a descriptor that stays open. */
  remove(fd: number, target: EventTarget): void {
    this.#control(EPOLL_CTL_DEL, fd, target, 0)
    this.forget(fd)
  }

  /** For a descriptor that is about to be closed: the kernel stops watching by itself. */
  forget(fd: number): void {
    this.#targets[fd] = undefined
    this.#await(-1)
  }

  /** Has `corpse.bury` called when no event of the running batch can be of it any more. */
  mourn(corpse: Corpse): void {
    this.#corpses.push(corpse)
    if (this.#inBatch || this.#burialDue) return
    this.#burialDue = true
    setImmediate(this.#buryLater)
  }

  /** Has `callback` called when no more events are there, or after a few more batches. */
  defer(callback: () => void): void {
    if (this.#deferred.push(callback) === 1) this.#await(1)
  }

  close(): void {
    if (this.#closed) return
    for (const target of this.#targets) target?.discard()
    this.#await(-this.#awaited)
    this.#closed = true
    this.#buryAll()
    this.#runDeferred()
    waiters.leave(this)
    this.libc.close(this.descriptor)
  }

  #await(more: number): void {
    if (this.#closed) return
    this.#awaited += more
    waiters.count(more)
  }

  #control(operation: number, fd: number, target: EventTarget, events: number): void {
    const { u32, address } = this.#event
    u32[0] = events
    u32[layout.fd] = fd
    u32[layout.generation] = target.generation
    const result = this.libc.epoll_ctl(this.descriptor, operation, fd, address)
    if (result < 0) check(result, 'epoll_ctl')
  }

  /** Waits for events and serves them; false when there was nothing to do. */
  wait(timeoutMs: number): boolean {
    const isDeferred = this.#deferred.length > 0
    const { address } = this.#events
    const sleepMs = isDeferred ? 0 : timeoutMs
    const count = this.libc.epoll_wait(this.descriptor, address, eventsPerBatchMax, sleepMs)
    if (count > 0) this.#serve(count)
    if (isDeferred && (count <= 0 || ++this.#deferredFor >= deferredBatchesMax)) this.#runDeferred()
    return count > 0 || isDeferred
  }

  #serve(count: number): void {
    const { u32, i32 } = this.#events
    this.clock.hold()
    this.#inBatch = true
    for (let i = 0, at = 0; i < count; i += 1, at += layout.words) {
      const target = this.#targets[i32[at + layout.fd]!]
      if (target === undefined || target.generation !== u32[at + layout.generation]) continue
      try {
        target.onEvents(u32[at]!)
      } catch (error) {
        raise(error)
      }
    }
    this.#inBatch = false
    if (this.#corpses.length > 0) this.#buryAll()
    this.clock.release()
  }

  #runDeferred(): void {
    const deferred = this.#deferred
    this.#deferred = []
    this.#deferredFor = 0
    this.#await(-1)
    for (const callback of deferred) {
      try {
        callback()
      } catch (error) {
        raise(error)
      }
    }
  }

  readonly #buryLater = (): void => {
    this.#burialDue = false
    this.#buryAll()
  }

  /** A burial may end further connections; they are closed in the same go. */
  #buryAll(): void {
    while (this.#corpses.length > 0) {
      const corpses = this.#corpses
      this.#corpses = []
      for (const corpse of corpses) {
        try {
          corpse.bury()
        } catch (error) {
          raise(error)
        }
      }
    }
  }
}

/**
 * A handler that throws is a fault of the program and ends the process, as it would in any callback of
 * Node; the others of its batch are served before.
 */
function raise(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}
