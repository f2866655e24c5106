/**
 * One probe of one peer, again and again: when it is due, what its outcomes add up to.
 *
 * ```text
 *   due ─▶ visited lately? ─▶ wait for a place ─▶ probe ─▶ note ─▶ interval + jitter ─▶ due …
 *
 *   checking ── first outcome ──▶ up | unhealthy
 *   up ── `fails` in a row ──▶ unhealthy ── `passes` in a row ──▶ up
 * ```
 */
import type { Log } from '../../core/log.ts'
import type { Peer } from '../peer.ts'
import type { ProbeQueue } from './probe-queue.ts'
import type { ProbeConfig, ProbeSession } from './probe.ts'

export interface CheckContext {
  readonly queue: ProbeQueue
  readonly log: Log
  readonly now: () => number
  /** A number in [0, 1) for the jitter. */
  readonly chance: () => number
  /** Runs a step later; returns what calls it off. */
  readonly schedule: (step: () => void, delayMs: number) => () => void
  /** Name of the group, for the log. */
  readonly upstream: string
}

export class PeerCheck {
  readonly index: number
  readonly config: ProbeConfig
  #peer: Peer
  readonly #context: CheckContext
  readonly #session: ProbeSession
  /** Outcomes of one kind in a row: above 0 passed, below 0 failed. */
  #row = 0
  #callOff: (() => void) | undefined
  #running: AbortController | undefined
  #closed = false

  /** `index`: which of the group's probes it is. */
  constructor(index: number, config: ProbeConfig, peer: Peer, context: CheckContext) {
    this.index = index
    this.config = config
    this.#peer = peer
    this.#context = context
    this.#session = config.probe.open({
      address: withPort(peer, config.port),
      peer: peer.name,
      upstream: context.upstream,
    })
  }

  /** The following version of the group has the same peer under other settings. */
  follow(peer: Peer): void {
    this.#peer = peer
  }

  /** The first check comes at once where clients wait for it; others are spread. */
  start(): void {
    const { intervalMs, jitterMs } = this.config
    const isAwaited = this.#peer.state.health.isAwaited(this.index)
    const spreadMs = Math.min(intervalMs, jitterMs)
    this.#wait(isAwaited ? 0 : this.#context.chance() * spreadMs)
  }

  close(): void {
    this.#closed = true
    this.#callOff?.()
    this.#running?.abort()
    this.#session.close()
  }

  #wait(delayMs: number): void {
    this.#callOff = this.#context.schedule(() => void this.#run(), delayMs)
  }

  async #run(): Promise<void> {
    if (!this.#isVisited()) await this.#context.queue.run(() => this.#probe())
    if (this.#closed) return
    const { intervalMs, jitterMs } = this.config
    this.#wait(intervalMs + this.#context.chance() * jitterMs)
  }

  /** Clients that are served well are a check, too. */
  #isVisited(): boolean {
    const { visitIntervalMs } = this.config
    const { state } = this.#peer
    if (visitIntervalMs === 0 || !state.health.fine || state.fails > 0) return false
    return this.#context.now() - state.totals().selectedAt < visitIntervalMs
  }

  async #probe(): Promise<void> {
    if (this.#closed || this.#peer.config.down) return
    const running = new AbortController()
    this.#running = running
    const callOff = this.#context.schedule(() => running.abort(), this.config.timeoutMs)
    const fault = await this.#session.run(running.signal).then(() => undefined, textOf)
    callOff()
    this.#running = undefined
    if (!this.#closed) this.#note(fault)
  }

  #note(fault: string | undefined): void {
    const { health } = this.#peer.state
    const hasPassed = fault === undefined
    health.count(hasPassed)
    if (hasPassed) this.#row = Math.max(this.#row, 0) + 1
    else this.#row = Math.min(this.#row, 0) - 1
    if (hasPassed) this.#onPassed()
    else this.#onFailed(fault)
  }

  #onPassed(): void {
    const { state } = this.#peer
    const { health } = state
    const isAwaited = health.isAwaited(this.index)
    if (!isAwaited && !health.isUnhealthy(this.index)) return
    if (!isAwaited && this.#row < this.config.passes) return
    health.setHealthy(this.index)
    if (!health.fine) return
    const now = this.#context.now()
    state.endOutage(now)
    state.startedAt = now
    this.#say('notice', 'peer is healthy')
  }

  #onFailed(fault: string): void {
    const { state } = this.#peer
    if (state.health.isUnhealthy(this.index)) return
    if (!state.health.isAwaited(this.index) && -this.#row < this.config.fails) return
    state.health.setUnhealthy(this.index)
    state.beginDowntime(this.#context.now())
    this.#say('warn', `peer is unhealthy: ${fault}`)
  }

  #say(level: 'notice' | 'warn', text: string): void {
    const { log, upstream } = this.#context
    const { type } = this.config
    log.write(
      level,
      `${text}, health check "${type}" of peer ${this.#peer.name} in upstream "${upstream}"`,
    )
  }
}

/** Whatever a peer brings the clients of Node to say is a failure of the peer. */
function textOf(error: Error): string {
  return error.message
}

function withPort({ address }: Peer, port: number): Peer['address'] {
  return port === 0 || address.family === 'unix' ? address : { ...address, port }
}
