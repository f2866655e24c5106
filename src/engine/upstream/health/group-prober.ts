/**
 * The checks of one group, for as long as this process has the right to make them.
 *
 * Every worker has a prober for each group with checks; that of one worker is at work. It follows the
 * versions of the group: what both have, peer and probe, goes on undisturbed.
 */
import type { Group } from '../group.ts'
import type { PeerState } from '../peer-state.ts'
import { type CheckContext, PeerCheck } from './peer-check.ts'

export type ProberContext = Omit<CheckContext, 'upstream'>

export class GroupProber {
  readonly #context: ProberContext
  #group: Group
  #isAtWork = false
  #checks = new Map<PeerState, readonly PeerCheck[]>()

  constructor(group: Group, context: ProberContext) {
    this.#group = group
    this.#context = context
  }

  /** Says that it is there, or takes over from a process that is not any more. */
  tick(): void {
    const isOurs = this.#group.probeLease.take(this.#context.now())
    if (isOurs === this.#isAtWork) return
    this.#isAtWork = isOurs
    if (isOurs) this.#take(this.#group)
    else this.#stopAll()
  }

  /** The group's version in force from now on. */
  follow(group: Group): void {
    this.#group = group
    if (this.#isAtWork) this.#take(group)
  }

  /** Leaves the checks to another process. */
  close(): void {
    this.#stopAll()
    if (this.#isAtWork) this.#group.probeLease.giveUp()
    this.#isAtWork = false
  }

  #take(group: Group): void {
    const before = this.#checks
    this.#checks = new Map()
    const probes = group.config.health?.probes ?? []
    const context = { ...this.#context, upstream: group.name }
    for (const peer of group.peers) {
      const known = before.get(peer.state) ?? []
      before.delete(peer.state)
      const checks = probes.map((probe, index) => {
        const kept = known.find((check) => check.index === index && check.config === probe)
        kept?.follow(peer)
        return kept ?? new PeerCheck(index, probe, peer, context)
      })
      this.#checks.set(peer.state, checks)
      for (const check of known) if (!checks.includes(check)) check.close()
      for (const check of checks) if (!known.includes(check)) check.start()
    }
    for (const checks of before.values()) for (const check of checks) check.close()
  }

  #stopAll(): void {
    for (const checks of this.#checks.values()) for (const check of checks) check.close()
    this.#checks = new Map()
  }
}
