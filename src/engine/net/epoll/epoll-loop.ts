/**
 * One epoll instance within Node's event loop.
 *
 * Node's loop watches the instance's own descriptor through a single handle; whenever something within is
 * ready, `#wake` takes events in batches and hands them to their targets.
 *
 * ```text
 *   Node's loop ──watches──▶ epoll ──watches──▶ sockets, listeners
 *        │ #wake
 *        └─▶ up to 8 × [ epoll_wait(0) · every event to its target · close what ended ]
 * ```
 *
 * A descriptor's number is used again as soon as it is closed, and events of the old one may still come:
 * within the batch, and while a child process that is being started holds a copy. So an event carries the
 * generation of its registration. Connections end after the batch all the same: `onClose` never comes
 * from within a call of their own.
 *
 * Callbacks of this kind are not Node's own: nothing runs promises and `nextTick` after them. So every
 * wake-up that had events leaves one immediate behind, which is Node's and does (a microsecond, for many
 * events where there is load).
 */
import assert from 'node:assert/strict'
import type { Arena, Region } from '../ffi/arena.ts'
import { EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } from '../ffi/constants.ts'
import { requireSystem, type Libc, type System } from '../ffi/libc.ts'
import { check } from '../ffi/socket-calls.ts'
import { sockaddrBytesMax } from '../ffi/sockaddr.ts'
import {
  batchesPerWakeMax,
  datagramBytesMax,
  eventsPerBatchMax,
  joinBytesMax,
  readBytesMax,
} from '../limits.ts'
import { LoopClock } from './loop-clock.ts'

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

export class EpollLoop {
  readonly clock: LoopClock = new LoopClock()
  readonly system: System
  readonly libc: Libc
  /** Where every `recv` puts its bytes. */
  readonly input: Region
  /** Where a head and its body are put together. */
  readonly output: Region
  /** A socket address and its length (the last word), for `accept4`. */
  readonly peer: Region
  readonly #descriptor: number
  readonly #events: Region
  readonly #event: Region
  readonly #targets: (EventTarget | undefined)[] = []
  readonly #chunks: (Buffer | undefined)[] = []
  readonly #handle: ReturnType<System['koffi']['node']['poll']>
  readonly #arena: Arena
  readonly #inputBuffer: ArrayBuffer
  readonly #inputBase: number
  #generation = 0
  #watched = 0
  #corpses: Corpse[] = []
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
    this.#inputBuffer = arena.buffer
    this.#inputBase = arena.address
    this.#descriptor = check(this.libc.epoll_create1(EPOLL_CLOEXEC), 'epoll_create1')
    const { node } = this.system.koffi
    // Kept in a field: a handle that nothing refers to is collected, and silent.
    this.#handle = node.poll(this.#descriptor, { readable: true }, () => this.#wake())
    this.#handle.unref()
  }

  /** A buffer within the loop's own memory, from which sending is cheapest; `undefined` when that is used up. */
  memory(bytes: number): Buffer | undefined {
    return bytes <= this.#arena.free ? this.#arena.take(bytes).bytes : undefined
  }

  /** True when a chunk lies in the loop's own memory, so that its address is known. */
  holds(chunk: Buffer): boolean {
    return chunk.buffer === this.#inputBuffer
  }

  addressOf(chunk: Buffer): number {
    return this.#inputBase + chunk.byteOffset
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
    assert(!this.#closed, 'the loop is open')
    this.#generation = (this.#generation + 1) >>> 0
    target.generation = this.#generation
    this.#targets[fd] = target
    if (this.#watched === 0) this.#handle.ref()
    this.#watched += 1
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
    this.#watched -= 1
    if (this.#watched === 0 && !this.#closed) this.#handle.unref()
  }

  /** Has `corpse.bury` called when no event of the running batch can be of it any more. */
  mourn(corpse: Corpse): void {
    this.#corpses.push(corpse)
    if (this.#inBatch || this.#burialDue) return
    this.#burialDue = true
    setImmediate(this.#buryLater)
  }

  close(): void {
    if (this.#closed) return
    for (const target of this.#targets) target?.discard()
    this.#closed = true
    this.#buryAll()
    this.#handle.close()
    this.libc.close(this.#descriptor)
  }

  #control(operation: number, fd: number, target: EventTarget, events: number): void {
    const { u32, address } = this.#event
    u32[0] = events
    u32[layout.fd] = fd
    u32[layout.generation] = target.generation
    const result = this.libc.epoll_ctl(this.#descriptor, operation, fd, address)
    if (result < 0) check(result, 'epoll_ctl')
  }

  #wake(): void {
    setImmediate(runQueues)
    for (let batch = 0; batch < batchesPerWakeMax && !this.#closed; batch += 1) {
      if (!this.#runBatch()) return
    }
  }

  /** False when nothing was ready; an interrupted call counts as that, since Node's loop asks again. */
  #runBatch(): boolean {
    const { u32, i32, address } = this.#events
    const count = this.libc.epoll_wait(this.#descriptor, address, eventsPerBatchMax, 0)
    if (count <= 0) return false
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
    return true
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

/** The callback is Node's, and that is all it is for. */
function runQueues(): void {}

/**
 * A handler that throws is a fault of the program and ends the process, as it would in any callback of
 * Node; an exception that went up into the native caller would be lost.
 */
function raise(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}
