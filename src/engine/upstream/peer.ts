/**
 * A peer: one address of a group, as one version of the group configures it, and its live state.
 *
 * nginx's rules for peers that fail: `maxFails` failures within `failTimeoutMs` put a peer out of use
 * for `failTimeoutMs`; then one client tries it, and its success brings the peer back.
 */
import { type Address, formatAddress } from '../net/address.ts'
import { md5Hex } from './peer-name.ts'
import type { BreakerConfig } from './breaker.ts'
import type { PeerState } from './peer-state.ts'

export interface PeerConfig {
  /** The server as it was written, `name:port`; the addresses of one name share it. */
  readonly server: string
  readonly address: Address
  readonly weight: number
  /** 0: no limit. */
  readonly maxConns: number
  /** 0: failures are not counted. */
  readonly maxFails: number
  readonly failTimeoutMs: number
  /** 0: full weight at once. */
  readonly slowStartMs: number
  readonly backup: boolean
  readonly down: boolean
  /** Takes clients that are bound to it, and no others. */
  readonly drain?: boolean
  /** Its name for clients that are bound to it. */
  readonly route?: string | undefined
}

export type PeerStatus = 'up' | 'down' | 'unavail' | 'checking' | 'unhealthy'

/** What keeps peers of a group out of use beside failures that clients meet; absent where it is not configured. */
export interface PeerGuards {
  /** Active checks have a say. */
  readonly checked: boolean
  readonly breaker: BreakerConfig | undefined
}

/** The least share of its weight that a peer in slow start has: it must get some work to be seen to work. */
const rampMin = 0.01

export class Peer {
  readonly config: PeerConfig
  readonly state: PeerState
  /** Address as text, `127.0.0.1:80`: nginx's name of a peer in logs and `$upstream_addr`. */
  readonly name: string
  /** Place in its tier. */
  readonly index: number
  readonly #guards: PeerGuards | undefined
  #stickyId: string | undefined = undefined

  constructor(config: PeerConfig, state: PeerState, index: number, guards?: PeerGuards) {
    this.#guards = guards
    this.config = config
    this.state = state
    this.name = formatAddress(config.address)
    this.index = index
  }

  /** Number of the peer in its group, the same for as long as it is a member. */
  get id(): number {
    return this.state.id
  }

  get address(): Address {
    return this.config.address
  }

  get server(): string {
    return this.config.server
  }

  get weight(): number {
    return this.config.weight
  }

  /** What a client that is bound to the peer shows. */
  get stickyId(): string {
    this.#stickyId ??= this.config.route ?? md5Hex(this.name)
    return this.#stickyId
  }

  /** May be chosen for a client that is bound to none. */
  isAvailable(now: number): boolean {
    return this.config.drain !== true && this.isAvailableToBound(now)
  }

  /** May be used by a client that is bound to it. */
  isAvailableToBound(now: number): boolean {
    return this.isUsableAlone(now) && !this.#isDisabled(now)
  }

  /** May be used where it is the only one of its group: failures that clients met do not count. */
  isUsableAlone(now: number): boolean {
    return !this.config.down && !this.isFull() && this.#isAdmitted(now)
  }

  #isAdmitted(now: number): boolean {
    const guards = this.#guards
    if (guards === undefined) return true
    if (guards.checked && !this.state.health.fine) return false
    return guards.breaker === undefined || this.state.breaker.admits(guards.breaker, now)
  }

  isFull(): boolean {
    const { maxConns } = this.config
    return maxConns > 0 && this.state.active >= maxConns
  }

  #isDisabled(now: number): boolean {
    return this.#hasFailed() && now - this.state.checkedAt <= this.config.failTimeoutMs
  }

  #hasFailed(): boolean {
    const { maxFails } = this.config
    return maxFails > 0 && this.state.fails >= maxFails
  }

  status(): PeerStatus {
    if (this.config.down) return 'down'
    const found = this.#guards?.checked === true ? this.state.health.status : undefined
    if (found !== undefined) return found
    const isOut = this.#guards?.breaker !== undefined && this.state.breaker.isOut
    return isOut || this.#hasFailed() ? 'unavail' : 'up'
  }

  /** Share of the weight that is in force: below 1 while a peer that came back warms up. */
  ramp(now: number): number {
    const { slowStartMs } = this.config
    if (slowStartMs === 0) return 1
    const { startedAt } = this.state
    if (startedAt === 0) return 1
    return Math.min(Math.max((now - startedAt) / slowStartMs, rampMin), 1)
  }

  /** This client is the one that tries the peer when its time out of use is over. */
  markChecked(now: number): void {
    if (now - this.state.checkedAt > this.config.failTimeoutMs) this.state.checkedAt = now
  }

  /** Counts a failure. True when it puts the peer out of use. */
  markFailed(now: number): boolean {
    const { state, config } = this
    const failedBefore = this.#hasFailed()
    state.fails += 1
    state.accessedAt = now
    state.checkedAt = now
    if (config.maxFails === 0) return false
    state.weaken(Math.trunc(config.weight / config.maxFails))
    if (!this.#hasFailed()) return false
    if (!failedBefore) state.beginOutage(now)
    return true
  }

  /** Forgets failures when the peer was tried after the last of them. */
  markAlive(now: number): void {
    const { state } = this
    if (state.accessedAt >= state.checkedAt) return
    if (this.#hasFailed()) {
      state.endOutage(now)
      state.startedAt = now
    }
    state.fails = 0
  }
}
