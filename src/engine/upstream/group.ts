/**
 * An upstream group: its peers, how they are balanced, and their state.
 *
 * A group is one version of a configuration and does not change; `next` makes the following version. What
 * both have, by address, keeps its state, so that a change disturbs nothing that it does not name.
 * Versions in use by connections under way live on beside the newest.
 *
 * ```text
 *   version 1: a b c        states:  a ─ b ─ c          closed version 1, b's last connection ended:
 *   version 2: a   c d               │       │          the state of b is given up
 *                                    a ───── c ─ d
 * ```
 */
import type { SharedLease } from '../core/shared-lease.ts'
import type { SharedLock } from '../core/shared-lock.ts'
import { monotonicMs } from '../core/monotonic.ts'
import type { VariableHost } from '../core/variables.ts'
import { type Balancer, type BalancerConfig, createTier, type Tier } from './balancer.ts'
import type { Chance } from './balancers/random.ts'
import type { BreakerChange, BreakerConfig, Outcome } from './breaker.ts'
import { createBalancer } from './create-balancer.ts'
import type { IdleGauge } from './keepalive-pool.ts'
import type { HealthConfig } from './health/probe.ts'
import { groupKey, peerKeys } from './peer-keys.ts'
import { serverMark } from './peer-statistics.ts'
import { PeerState, type TimeKind } from './peer-state.ts'
import { createPrivateZone, type PeerZone } from './peer-zone.ts'
import { PeerQueue, type QueueConfig } from './peer-queue.ts'
import { Peer, type PeerConfig, type PeerGuards } from './peer.ts'
import type { RetryBudget, RetryBudgetConfig } from './retry-budget.ts'
import { createSticky, type Sticky, type StickyConfig, type StickyOptions } from './sticky.ts'
import { digestOf } from './sticky-sessions.ts'
import type { ZoneMemory } from '../core/zone-memory.ts'

export interface GroupConfig {
  readonly name: string
  readonly balancer: BalancerConfig
  /** In the order of the configuration; at least one that is no backup. */
  readonly peers: readonly PeerConfig[]
  /** Binds clients to peers. */
  readonly sticky?: StickyConfig | undefined
  /** Where requests wait for a peer. */
  readonly queue?: QueueConfig | undefined
  /** Active checks of the peers. */
  readonly health?: HealthConfig | undefined
  readonly breaker?: BreakerConfig | undefined
  readonly retryBudget?: RetryBudgetConfig | undefined
}

export interface GroupOptions {
  /** Where states live; without it, in this process. */
  readonly zone?: PeerZone | undefined
  /** Memory of sessions that were learned. */
  readonly zones?: ZoneMemory | undefined
  readonly now?: () => number
  readonly chance?: Chance
}

export class Group {
  readonly config: GroupConfig
  readonly primary: Tier
  readonly backup: Tier | undefined
  readonly balancer: Balancer
  /** What the method compares peers by, where that is a time. */
  readonly timeKind: TimeKind | undefined
  readonly sticky: Sticky | undefined
  /** The same in all versions that say the same of it. */
  readonly queue: PeerQueue | undefined
  readonly options: GroupOptions
  readonly now: () => number
  /** Held while a peer is chosen and its outcome noted; a process of its own needs none. */
  readonly lock: SharedLock | undefined
  readonly breaker: BreakerConfig | undefined
  /** Of all workers together, where the group has a zone. */
  readonly retryBudget: RetryBudget | undefined
  readonly #guards: PeerGuards | undefined
  readonly #states: GroupStates
  readonly #joinsAtWork: boolean
  /** The version itself, until it is closed, and every walk that has a peer of it. */
  #users = 1
  #active = false
  #closed = false

  /** Throws when the zone has no room for the peers. */
  constructor(config: GroupConfig, options: GroupOptions, before?: Group) {
    this.config = config
    this.options = options
    this.now = options.now ?? monotonicMs
    this.#joinsAtWork = before !== undefined
    this.#states = new GroupStates(config, options.zone, statesBefore(options, before))
    this.lock = this.#states.lock
    this.breaker = config.breaker
    this.retryBudget = config.retryBudget && this.#states.budget(config.retryBudget)
    this.#guards = guardsOf(config)
    const primary = config.peers.filter((peer) => !peer.backup)
    const backup = config.peers.filter((peer) => peer.backup)
    this.primary = this.#tier(primary, primary.length === 1 && backup.length === 0)
    this.backup = backup.length === 0 ? undefined : this.#tier(backup, false)
    this.balancer = createBalancer(config.balancer, this.primary, options.chance ?? Math.random)
    this.timeKind = 'time' in config.balancer ? config.balancer.time : undefined
    this.sticky = stickyOf(config, before, { zones: options.zones, now: this.now })
    this.queue = queueOf(config, before, this.now)
  }

  /** For `next`: the states of a version. */
  static statesOf(group: Group): GroupStates {
    return group.#states
  }

  get name(): string {
    return this.config.name
  }

  /** Peers in the order of the configuration, backups after the others. */
  get peers(): readonly Peer[] {
    return [...this.primary.peers, ...(this.backup?.peers ?? [])]
  }

  /** The peer that clients with that name are bound to; backups are nobody's. */
  findBound(name: string): Peer | undefined {
    for (const peer of this.primary.peers) {
      if (peer.stickyId === name || this.#learnedName(peer) === name) return peer
    }
    return undefined
  }

  /** Counts connections that wait, where somebody could see it. */
  get idle(): IdleGauge | undefined {
    return this.#states.idle()
  }

  /** The right to probe this group's peers. */
  get probeLease(): SharedLease {
    return this.#states.probeLease()
  }

  /** Peers that one client may try. */
  get tries(): number {
    return this.config.peers.length
  }

  /** The following version. This one stays usable until it is closed. */
  next(config: GroupConfig, options: GroupOptions = this.options): Group {
    return new Group(config, options, this)
  }

  /**
   * Brings the version into force: weights that changed apply from here, new peers get their numbers.
   * Done when a configuration is taken into use, at the latest by the first walk; a version that was made
   * for a change that did not come to be leaves no trace.
   */
  activate(): void {
    if (this.#active) return
    this.#active = true
    const locked = this.lock !== undefined && this.lock.lock()
    try {
      for (const { state, weight, server } of this.peers) {
        if (state.statistics !== undefined) state.statistics.server = serverMark(this.name, server)
        const isNew = state.configure(weight, () => this.#states.nextId())
        // A peer that joins a group at work starts slowly where it is configured to.
        if (isNew && this.#joinsAtWork) state.startedAt = this.now()
        this.#prepareChecks(state, isNew)
        // What a circuit was that is no longer configured says nothing.
        if (this.breaker === undefined && state.breaker.isOut) state.breaker.takeBack(this.now())
      }
    } finally {
      if (locked) this.lock.unlock()
    }
  }

  /** This version takes no more clients; its connections under way may still end. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.drop()
  }

  /** A walk has a peer of this version, until `drop`. */
  hold(): void {
    this.#users += 1
  }

  drop(): void {
    this.#users -= 1
    if (this.#users === 0) this.#states.close()
  }

  /** For the circuit of a peer, under the lock. True when it has opened: the peer is out of use. */
  settleBreaker(peer: Peer, outcome: Outcome, now: number): boolean {
    const change = peer.state.breaker.end(this.breaker!, outcome, now)
    if (change === 'opened' && this.#isTooManyOut()) {
      peer.state.breaker.takeBack(now)
      return false
    }
    noteChange(peer.state, change, now)
    return change === 'opened' || change === 'reopened'
  }

  #isTooManyOut(): boolean {
    const { peers } = this
    const out = peers.filter(({ state }) => state.breaker.isOut).length
    return out * 100 > peers.length * this.breaker!.ejectionMax
  }

  #prepareChecks(state: PeerState, isNew: boolean): void {
    const { mandatory = false, probes = [] } = this.config.health ?? {}
    if (!isNew) state.health.keep(probes.length, mandatory)
    else if (mandatory) {
      state.health.awaitChecks(probes.length)
      state.beginDowntime(this.now())
    }
  }

  /** What the group's method goes by for this client: the value of `hash`'s key, its address, or nothing. */
  keyOf(host: VariableHost, clientAddress: string): string {
    const { balancer } = this.config
    if (balancer.kind === 'hash') return balancer.key.evaluate(host)
    return balancer.kind === 'ip_hash' ? clientAddress : ''
  }

  /** Sessions that were learned keep digests of names. */
  #learnedName(peer: Peer): string {
    return this.config.sticky?.kind === 'learn' ? digestOf(peer.stickyId) : peer.stickyId
  }

  #tier(configs: readonly PeerConfig[], single: boolean): Tier {
    const peers = configs.map(
      (config, i) => new Peer(config, this.#states.of(config), i, this.#guards),
    )
    return createTier(peers, single)
  }
}

function noteChange(state: PeerState, change: BreakerChange, now: number): void {
  if (change === 'opened') state.beginOutage(now)
  if (change !== 'closed') return
  state.endOutage(now)
  state.startedAt = now
}

function guardsOf({ health, breaker }: GroupConfig): PeerGuards | undefined {
  if (health === undefined && breaker === undefined) return undefined
  return Object.freeze({ checked: health !== undefined, breaker })
}

function stickyOf(
  config: GroupConfig,
  before: Group | undefined,
  options: StickyOptions,
): Sticky | undefined {
  if (config.sticky === undefined) return undefined
  return before?.config.sticky === config.sticky
    ? before.sticky
    : createSticky(config.sticky, options)
}

function queueOf(
  { queue }: GroupConfig,
  before: Group | undefined,
  now: () => number,
): PeerQueue | undefined {
  if (queue === undefined) return undefined
  return before?.config.queue === queue ? before.queue : new PeerQueue(queue, now)
}

/** States go over to the next version where it lives in the same zone. */
function statesBefore(options: GroupOptions, before: Group | undefined): GroupStates | undefined {
  if (before === undefined || before.options.zone !== options.zone) return undefined
  return Group.statesOf(before)
}

/** The states of one version, by peer; those of the version before are used again. */
class GroupStates {
  readonly lock: SharedLock | undefined
  readonly #byKey = new Map<string, PeerState>()
  readonly #byConfig = new Map<PeerConfig, PeerState>()
  /** Where the group's own record is: it holds the lock and the next number. */
  readonly #zone: PeerZone
  readonly #record: number
  readonly #home: PeerZone

  constructor(config: GroupConfig, zone: PeerZone | undefined, before: GroupStates | undefined) {
    const keys = peerKeys(config.peers.map(({ address }) => address))
    const fresh = keys.filter((key) => before === undefined || !before.#byKey.has(key))
    // A zone of this process alone cannot grow: peers that join later get one of their own.
    const home = zone ?? createPrivateZone(fresh.length + 1)
    this.#zone = before === undefined ? home : before.#zone
    this.#home = home
    home.retain()
    this.#record = this.#acquireOwn(config)
    this.lock = home.shared ? home.lockOf(this.#record) : undefined
    try {
      for (const [i, peer] of config.peers.entries()) {
        const state = stateOf(keys[i]!, { config, home, known: before?.find(keys[i]!) })
        this.#byKey.set(keys[i]!, state)
        this.#byConfig.set(peer, state)
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  find(key: string): PeerState | undefined {
    return this.#byKey.get(key)
  }

  of(config: PeerConfig): PeerState {
    return this.#byConfig.get(config)!
  }

  idle(): IdleGauge | undefined {
    const { active, statistics } = this.#zone
    return statistics && { add: (delta) => active.add(this.#record, delta) }
  }

  nextId(): number {
    return this.#zone.id.add(this.#record, 1)
  }

  probeLease(): SharedLease {
    return this.#zone.leaseOf(this.#record)
  }

  budget(config: RetryBudgetConfig): RetryBudget {
    return this.#zone.budgetOf(this.#record, config)
  }

  close(): void {
    for (const state of this.#byKey.values()) state.release()
    this.#zone.release(this.#record)
    this.#home.leave()
  }

  #acquireOwn({ name }: GroupConfig): number {
    try {
      return this.#zone.acquire(groupKey(name))
    } catch (error) {
      this.#home.leave()
      throw error
    }
  }
}

interface Origin {
  readonly config: GroupConfig
  readonly home: PeerZone
  readonly known: PeerState | undefined
}

function stateOf(key: string, { config, home, known }: Origin): PeerState {
  return known?.retain() ?? new PeerState(home, home.acquire(`${groupKey(config.name)}${key}`))
}
