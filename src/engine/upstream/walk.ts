/**
 * One client's walk through the peers of a group: each is tried at most once, backups when no primary
 * peer is left.
 *
 * ```text
 *   reset ─▶ next ─▶ peer ─▶ … connection … ─▶ done(failed) ─▶ next ─▶ … ─▶ undefined: no live upstreams
 * ```
 *
 * A session keeps one walk for its life and `reset`s it for the next client; nothing is allocated on the
 * way but the first time a group of more than 32 peers is walked.
 */
import assert from 'node:assert/strict'
import type { Selection, Tier } from './balancer.ts'
import type { Group } from './group.ts'
import type { QueueWaiter } from './peer-queue.ts'
import type { TimeKind } from './peer-state.ts'
import type { Peer } from './peer.ts'

const bitsPerWord = 32

export class PeerWalk implements Selection {
  group: Group
  tier: Tier
  key = ''
  misses = 0
  hash = -1
  rehash = 0
  /** The peer in use: between `next` and `done`. */
  peer: Peer | undefined = undefined
  /** Name of the peer that the client is bound to; empty for none, and once it was tried. */
  bound = ''
  #picked = false
  #triesLeft = 0
  /** The peer in use is tried out, for its circuit breaker. */
  #trial = false
  /** Its circuit breaker knows already how it does. */
  #judged = false
  #tried: Int32Array

  constructor(group: Group, key: string, bound = '') {
    this.group = group
    this.tier = group.primary
    this.#tried = new Int32Array(wordsFor(this.tier))
    this.reset(group, key, bound)
  }

  /** Starts the walk of another client, which may be bound to a peer (`group.sticky`). */
  reset(group: Group, key: string, bound = ''): void {
    assert(this.peer === undefined, 'a walk is reset after its last peer is done with')
    this.group = group
    this.key = key
    this.misses = 0
    this.hash = -1
    this.rehash = 0
    this.bound = bound
    this.#picked = false
    group.activate()
    this.#triesLeft = group.tries
    this.#enter(group.primary)
  }

  /** Tries that are left, that of the peer in use among them; callers may lower it. */
  get tries(): number {
    const left = this.#triesLeft
    const { retryBudget } = this.group
    if (retryBudget === undefined || !this.#picked || retryBudget.allows) return left
    return Math.min(left, this.peer === undefined ? 0 : 1)
  }

  set tries(tries: number) {
    this.#triesLeft = tries
  }

  /** The peer to try now, counted as in use until `done`; `undefined` when no live peer is left. */
  next(): Peer | undefined {
    assert(this.peer === undefined, 'one peer is done with before the next')
    const { group } = this
    const now = group.now()
    // Who has waited begins anew.
    if (!this.#picked && this.tier !== group.primary) this.#enter(group.primary)
    const locked = group.lock !== undefined && group.lock.lock()
    try {
      const peer = this.#pick(now)
      if (peer === undefined) return undefined
      this.#tried[peer.index >>> 5]! |= 1 << (peer.index % bitsPerWord)
      if (!this.tier.single) peer.markChecked(now)
      peer.state.hold(now)
      group.hold()
      this.peer = peer
      this.#begin(peer, now)
      return peer
    } finally {
      if (locked) group.lock.unlock()
    }
  }

  /** Waits in the group's queue for a first peer, if it has one with room. */
  queue(waiter: QueueWaiter): boolean {
    return !this.#picked && this.group.queue?.enter(waiter) === true
  }

  /**
   * What the peer in use took: for methods that go by it, and for who looks on. The last byte is that of a
   * response; how long another protocol is spoken behind one says nothing of the peer.
   */
  recordTime(kind: TimeKind, ms: number): void {
    const { peer, group } = this
    if (peer === undefined || ms < 0) return
    const { statistics } = peer.state
    if (statistics !== undefined || group.timeKind === kind) peer.state.recordTime(kind, ms)
    if (kind === 'last_byte') statistics?.recordLatency(ms)
  }

  /**
   * The peer in use has answered, after that time: with the head of a response, in streams by connecting.
   * Its circuit breaker hears of it now, as what follows may last; `failed`: it was an error of its own.
   * True when that put the peer out of use for a while.
   */
  noteAnswer(answerMs: number, failed = false): boolean {
    const { group, peer } = this
    if (group.breaker === undefined || peer === undefined) return false
    const locked = group.lock !== undefined && group.lock.lock()
    try {
      return this.#judge(peer, failed, answerMs)
    } finally {
      if (locked) group.lock.unlock()
    }
  }

  /** Ends the use of the peer. True when this failure put the peer out of use for a while. */
  done(failed: boolean): boolean {
    const { group, peer } = this
    assert(peer !== undefined, 'there is a peer to be done with')
    this.peer = undefined
    const locked = group.lock !== undefined && group.lock.lock()
    try {
      return this.#settle(peer, failed)
    } finally {
      peer.state.drop()
      if (locked) group.lock.unlock()
      group.queue?.wake()
      group.drop()
    }
  }

  isTried(peer: Peer): boolean {
    return (this.#tried[peer.index >>> 5]! & (1 << (peer.index % bitsPerWord))) !== 0
  }

  #pick(now: number): Peer | undefined {
    if (this.bound !== '') {
      const peer = this.#pickBound(now)
      if (peer !== undefined) return peer
    }
    const { primary, backup } = this.group
    const peer = this.#pickInTier(now)
    if (peer !== undefined || this.tier !== primary || backup === undefined) return peer
    this.#enter(backup)
    return this.#pickInTier(now)
  }

  /** A client whose peer cannot be used is one that is bound to none. */
  #pickBound(now: number): Peer | undefined {
    const peer = this.group.findBound(this.bound)
    this.bound = ''
    return peer !== undefined && !this.isTried(peer) && peer.isAvailableToBound(now)
      ? peer
      : undefined
  }

  /** A tier is empty while none of its names has been resolved. */
  #pickInTier(now: number): Peer | undefined {
    return this.tier.peers.length === 0 ? undefined : this.group.balancer.pick(this, now)
  }

  #begin(peer: Peer, now: number): void {
    const { breaker, retryBudget } = this.group
    if (breaker !== undefined) this.#trial = peer.state.breaker.begin(breaker, now)
    if (retryBudget !== undefined) {
      if (this.#picked) retryBudget.countRetry()
      else retryBudget.countRequest(now)
    }
    this.#picked = true
    this.#judged = false
  }

  #settle(peer: Peer, failed: boolean): boolean {
    if (this.#triesLeft > 0) this.#triesLeft -= 1
    if (failed) peer.state.countFailure()
    const isOut = this.group.breaker !== undefined && this.#judge(peer, failed, -1)
    if (this.tier.single) {
      this.#triesLeft = 0
      return isOut
    }
    const now = this.group.now()
    if (failed) return peer.markFailed(now) || isOut
    peer.markAlive(now)
    return isOut
  }

  /** Once for each attempt: the first that is known of it counts. True when its circuit opened. */
  #judge(peer: Peer, failed: boolean, answerMs: number): boolean {
    if (this.#judged) return false
    this.#judged = true
    const { group } = this
    return group.settleBreaker(peer, { trial: this.#trial, failed, answerMs }, group.now())
  }

  #enter(tier: Tier): void {
    this.tier = tier
    const words = wordsFor(tier)
    if (this.#tried.length < words) this.#tried = new Int32Array(words)
    else for (let i = 0; i < words; i++) this.#tried[i] = 0
  }
}

function wordsFor({ peers }: Tier): number {
  return Math.ceil(peers.length / bitsPerWord)
}
