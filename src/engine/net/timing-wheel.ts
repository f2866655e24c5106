/**
 * Time-outs in great number: coarse, and all but free.
 *
 * Every connection has one or two running, and nearly all are moved on before they end. So a timer is an
 * object that lives inside its session, arming it again writes one number, and only when its old slot
 * comes round is it looked at and put where it belongs (nginx spares its tree in the same way).
 *
 * ```text
 *   slots   0    1    2    3   …  1023        one slot is `tickMs` long
 *                ▲    │
 *              now    └─▶ timer ⇄ timer ⇄ timer      deadline may lie rounds ahead: put back then
 * ```
 *
 * Timers end up to one tick late, never early. An empty wheel does not tick.
 */
import type { Clock } from './transport.ts'

export const tickMs = 20
const slotCount = 1024
const slotMask = slotCount - 1
/** Longest sleep between two looks at the wheel: one round. */
const roundMs = tickMs * slotCount

/** What happens when a timer ends. Sessions implement it, so that a timer costs no closure. */
export interface TimerOwner {
  onTimeout(timer: Timer): void
}

/** One time-out of one owner; several are told apart by identity. */
export class Timer {
  readonly owner: TimerOwner
  /** When it ends, by the wheel's clock; `Infinity` while it does not run. */
  deadline: number = Infinity
  /** The tick at whose end it is looked at, -1 while it does not hang in the wheel. */
  due: number = -1
  next: Timer | undefined = undefined
  previous: Timer | undefined = undefined

  constructor(owner: TimerOwner) {
    this.owner = owner
  }

  get running(): boolean {
    return this.deadline !== Infinity
  }
}

/** Calls `wake` once after `ms`; returns what ends the wait. */
export type Sleep = (wake: () => void, ms: number) => () => void

export class TimingWheel {
  readonly #clock: Clock
  readonly #sleep: Sleep
  readonly #slots: (Timer | undefined)[] = Array.from({ length: slotCount }, () => undefined)
  readonly #wake = (): void => this.#turn()
  #hanging = 0
  /** Ticks up to this one are done. */
  #tick: number
  #wakeAt = Infinity
  #stopSleep: (() => void) | undefined

  constructor(clock: Clock, sleep: Sleep = sleepByTimeout) {
    this.#clock = clock
    this.#sleep = sleep
    this.#tick = Math.floor(clock.now() / tickMs)
  }

  /** Timers that run. */
  get size(): number {
    return this.#hanging
  }

  /** Starts the timer, or moves its end: `ms` from now. */
  arm(timer: Timer, ms: number): void {
    const deadline = this.#clock.now() + ms
    timer.deadline = deadline
    if (timer.due !== -1) {
      // Looked at no later than it ends: put right when its slot comes round.
      if ((timer.due - 1) * tickMs <= deadline) return
      this.#unhang(timer)
    }
    this.#hang(timer)
  }

  cancel(timer: Timer): void {
    timer.deadline = Infinity
    if (timer.due !== -1) this.#unhang(timer)
  }

  #hang(timer: Timer): void {
    if (this.#hanging === 0) this.#tick = Math.floor(this.#clock.now() / tickMs)
    // Ended within tick t, told at the end of it. A deadline of rounds ahead waits in the last slot.
    const tick = Math.floor(timer.deadline / tickMs) + 1
    const due = Math.min(Math.max(tick, this.#tick + 1), this.#tick + slotCount - 1)
    const slot = due & slotMask
    const head = this.#slots[slot]
    timer.due = due
    timer.previous = undefined
    timer.next = head
    if (head !== undefined) head.previous = timer
    this.#slots[slot] = timer
    this.#hanging += 1
    if (due * tickMs < this.#wakeAt) this.#sleepUntil(due * tickMs)
  }

  #unhang(timer: Timer): void {
    const { next, previous } = timer
    if (previous === undefined) this.#slots[timer.due & slotMask] = next
    else previous.next = next
    if (next !== undefined) next.previous = previous
    timer.due = -1
    timer.next = undefined
    timer.previous = undefined
    this.#hanging -= 1
  }

  #turn(): void {
    this.#stopSleep = undefined
    this.#wakeAt = Infinity
    const now = this.#clock.now()
    const today = Math.floor(now / tickMs)
    // After a long stop one round visits every slot.
    const from = Math.max(this.#tick + 1, today - slotCount + 1)
    for (let tick = from; tick <= today; tick += 1) {
      this.#tick = tick
      this.#visit(tick & slotMask, now)
    }
    this.#sleepToNext()
  }

  /** Takes the slot's list off first: owners may arm and cancel any timer while they are told. */
  #visit(slot: number, now: number): void {
    for (let timer = this.#slots[slot]; timer !== undefined; timer = this.#slots[slot]) {
      this.#unhang(timer)
      if (timer.deadline > now) {
        this.#hang(timer)
        continue
      }
      timer.deadline = Infinity
      timer.owner.onTimeout(timer)
    }
  }

  #sleepToNext(): void {
    if (this.#hanging === 0) return
    for (let ahead = 1; ahead <= slotCount; ahead += 1) {
      if (this.#slots[(this.#tick + ahead) & slotMask] === undefined) continue
      const at = (this.#tick + ahead) * tickMs
      if (at < this.#wakeAt) this.#sleepUntil(at)
      return
    }
  }

  #sleepUntil(at: number): void {
    this.#stopSleep?.()
    this.#wakeAt = at
    const ms = Math.min(Math.max(Math.ceil(at - this.#clock.now()), 1), roundMs)
    this.#stopSleep = this.#sleep(this.#wake, ms)
  }
}

/** A running time-out does not keep the process alive: what it guards does. */
function sleepByTimeout(wake: () => void, ms: number): () => void {
  const timeout = setTimeout(wake, ms)
  timeout.unref()
  return () => clearTimeout(timeout)
}
