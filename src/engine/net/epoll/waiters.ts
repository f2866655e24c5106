/**
 * Who waits for the sockets of this process, and when Node's own loop has its turn.
 *
 * A process has one epoll instance. Where there are more (tests run several engines in one process), the
 * first waits for the others too, and its successor when it closes.
 */
import { EPOLLIN } from '../ffi/constants.ts'
import { requireSystem } from '../ffi/libc.ts'
import { type NodeLoop, openNodeLoop } from '../ffi/uv.ts'
import type { EventTarget } from './epoll-loop.ts'

export interface Waiter {
  readonly descriptor: number
  /** Waits for events and serves them; false when none came. */
  wait(timeoutMs: number): boolean
  include(fd: number, target: EventTarget, events: number): void
}

/** Longest interval of Node's timers. */
const foreverMs = 2 ** 31 - 1

class Waiters {
  #node: NodeLoop | undefined
  /** The first one waits. */
  #all: Waiter[] = []
  /** What is waited for, over all. */
  #awaited = 0
  #turnDue = false
  /** Node's loop lives, and sleeps, for as long as something is waited for. */
  #alive: NodeJS.Timeout | undefined
  /** True when Node's loop has something to do. */
  #nodeReady = false

  join(waiter: Waiter): void {
    this.#all.push(waiter)
    const [first] = this.#all
    if (first === waiter) this.#appoint(waiter)
    else include(first!, waiter.descriptor, () => void waiter.wait(0))
  }

  leave(waiter: Waiter): void {
    const wasFirst = this.#all[0] === waiter
    this.#all = this.#all.filter((other) => other !== waiter)
    if (wasFirst && this.#all.length > 0) this.#appoint(this.#all[0]!)
  }

  /** So many things more are waited for. */
  count(more: number): void {
    const wasIdle = this.#awaited === 0
    this.#awaited += more
    const isIdle = this.#awaited === 0
    if (wasIdle && !isIdle) this.#start()
    else if (isIdle && !wasIdle) this.#alive!.unref()
  }

  #appoint(first: Waiter): void {
    this.#node ??= openNodeLoop(requireSystem())
    include(first, this.#node.descriptor, () => (this.#nodeReady = true))
    for (const other of this.#all.slice(1)) {
      include(first, other.descriptor, () => void other.wait(0))
    }
  }

  #start(): void {
    this.#alive ??= setInterval(() => {}, foreverMs)
    this.#alive.ref()
    this.#awaitTurn()
  }

  #awaitTurn(): void {
    if (this.#turnDue) return
    this.#turnDue = true
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    this.#turnDue = false
    this.#node!.letSleep()
    try {
      while (this.#awaited > 0 && this.#waitOnce());
    } finally {
      // A callback of a promise may have thrown; those that wait are served all the same.
      if (this.#awaited > 0) this.#awaitTurn()
    }
  }

  /** False when it is Node's turn. */
  #waitOnce(): boolean {
    const node = this.#node!
    const timeoutMs = node.timeoutMs()
    this.#nodeReady = false
    if (!this.#all[0]!.wait(timeoutMs) || timeoutMs === 0) return false
    node.runQueues()
    return !this.#nodeReady
  }
}

/** The waiters of this process. */
export const waiters: Waiters = new Waiters()

function include(host: Waiter, descriptor: number, onEvents: () => void): void {
  host.include(descriptor, { generation: 0, onEvents, discard: () => {} }, EPOLLIN)
}
