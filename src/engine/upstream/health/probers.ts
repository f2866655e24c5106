/**
 * All groups of a process that have checks.
 *
 * Each group is probed by one process of the installation: the first that has it, until that ends. The right
 * lies in the group's zone (`probeLease`), so no process is special, and neither the master nor control has
 * a part in it.
 */
import type { Log } from '../../core/log.ts'
import { monotonicMs } from '../../core/monotonic.ts'
import type { Group } from '../group.ts'
import { probesAtOnceMax, probeTickMs } from '../limits.ts'
import { GroupProber, type ProberContext } from './group-prober.ts'
import { ProbeQueue } from './probe-queue.ts'

export class Probers {
  readonly #context: ProberContext
  readonly #probers = new Set<GroupProber>()
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(log: Log, context: Partial<ProberContext> = {}) {
    this.#context = {
      queue: new ProbeQueue(probesAtOnceMax),
      log,
      now: monotonicMs,
      chance: Math.random,
      schedule: scheduleTimer,
      ...context,
    }
  }

  /** Checks the group from now on, if nobody else does; the prober must be closed. */
  add(group: Group): GroupProber {
    const prober = new GroupProber(group, this.#context)
    if (this.#stopped) return prober
    this.#probers.add(prober)
    prober.tick()
    this.#timer ??= setInterval(this.#tick, probeTickMs).unref()
    return prober
  }

  remove(prober: GroupProber): void {
    prober.close()
    this.#probers.delete(prober)
    if (this.#probers.size === 0) this.#rest()
  }

  /** This process takes no new clients: others are to check from now on. */
  stop(): void {
    this.#stopped = true
    for (const prober of this.#probers) prober.close()
    this.#probers.clear()
    this.#rest()
  }

  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  readonly #tick = (): void => {
    for (const prober of this.#probers) prober.tick()
  }
}

/** Longest delay of a timer: 2^31 − 1 ms. */
const timerMaxMs = 2_147_483_647

function scheduleTimer(step: () => void, delayMs: number): () => void {
  const timer = setTimeout(step, Math.min(delayMs, timerMaxMs)).unref()
  return () => clearTimeout(timer)
}
