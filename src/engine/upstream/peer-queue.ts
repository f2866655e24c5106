/**
 * `queue number [timeout=time]`: requests that wait until a server can take one more.
 *
 * The first in the queue has the next turn, which comes when a request of this process ends, and from time
 * to time, as requests of other workers end and servers come back without anything being heard of it here.
 */
import { queueLookMs } from './limits.ts'

export interface QueueConfig {
  readonly waitersMax: number
  readonly timeoutMs: number
}

export interface QueueWaiter {
  /** A server may have become free: true when the waiter has got one. */
  onPeerFree(): boolean
  /** It has waited long enough. */
  onQueueTimeout(): void
}

interface Place {
  readonly waiter: QueueWaiter
  readonly until: number
}

export class PeerQueue {
  readonly #config: QueueConfig
  readonly #now: () => number
  readonly #places: Place[] = []
  #timer: NodeJS.Timeout | undefined = undefined
  #turnDue = false

  constructor(config: QueueConfig, now: () => number) {
    this.#config = config
    this.#now = now
  }

  get length(): number {
    return this.#places.length
  }

  /** False when the queue is full. */
  enter(waiter: QueueWaiter): boolean {
    if (this.#places.length >= this.#config.waitersMax) return false
    this.#places.push({ waiter, until: this.#now() + this.#config.timeoutMs })
    this.#timer ??= setInterval(this.#look, queueLookMs)
    return true
  }

  /** For a waiter that has gone; one that is not there does no harm. */
  leave(waiter: QueueWaiter): void {
    const at = this.#places.findIndex((place) => place.waiter === waiter)
    if (at >= 0) this.#places.splice(at, 1)
    this.#rest()
  }

  /** A peer has been given back. Turns come later: the caller is in the middle of something. */
  wake(): void {
    if (this.#places.length === 0 || this.#turnDue) return
    this.#turnDue = true
    setImmediate(this.#takeTurns)
  }

  readonly #takeTurns = (): void => {
    this.#turnDue = false
    for (let left = this.#places.length; left > 0; left -= 1) {
      const first = this.#places[0]
      if (first === undefined || !first.waiter.onPeerFree()) break
      this.leave(first.waiter)
    }
    this.#rest()
  }

  readonly #look = (): void => {
    const now = this.#now()
    while (this.#places.length > 0 && this.#places[0]!.until <= now) {
      this.#places.shift()!.waiter.onQueueTimeout()
    }
    this.#takeTurns()
  }

  #rest(): void {
    if (this.#places.length > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
