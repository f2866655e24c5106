/**
 * `$share/group/filter`: each message goes to one member of the group, in turns.
 *
 * ```text
 *   publish ─▶ filter ─▶ group ─▶ member 1   first message
 *                              ─▶ member 2   second
 *                              ─▶ member 1   third
 * ```
 */
import type { AedesPublishPacket } from 'aedes'
import { isHiddenFrom, parseShared } from '../../bus/topic-filter.ts'

export type Deliver = (message: AedesPublishPacket, done: () => void) => void

/** Where a group listens for its members. */
export interface Exchange {
  subscribe(filter: string, deliver: Deliver, done: () => void): void
  unsubscribe(filter: string, deliver: Deliver, done: () => void): void
}

interface Group {
  readonly filter: string
  readonly deliver: Deliver
  readonly members: Deliver[]
  turn: number
}

export class SharedSubscriptions {
  readonly #groups = new Map<string, Group>()

  /** False when the filter is not a shared one; `done` is then left to the caller. */
  join(
    sharedFilter: string,
    member: Deliver,
    to: { exchange: Exchange; done: () => void },
  ): boolean {
    const shared = parseShared(sharedFilter)
    if (shared === undefined) return false
    const known = this.#groups.get(sharedFilter)
    if (known !== undefined) {
      known.members.push(member)
      setImmediate(to.done)
      return true
    }
    const group = makeGroup(shared.filter, member)
    this.#groups.set(sharedFilter, group)
    to.exchange.subscribe(group.filter, group.deliver, to.done)
    return true
  }

  /** The other way round; the last member closes the group. */
  leave(
    sharedFilter: string,
    member: Deliver,
    to: { exchange: Exchange; done: () => void },
  ): boolean {
    const group = this.#groups.get(sharedFilter)
    if (group === undefined) return false
    const index = group.members.indexOf(member)
    if (index !== -1) group.members.splice(index, 1)
    if (group.members.length > 0) {
      setImmediate(to.done)
      return true
    }
    this.#groups.delete(sharedFilter)
    to.exchange.unsubscribe(group.filter, group.deliver, to.done)
    return true
  }
}

function makeGroup(filter: string, first: Deliver): Group {
  const group: Group = {
    filter,
    members: [first],
    turn: 0,
    deliver: (message, done) => {
      const member = group.members[group.turn++ % group.members.length]
      if (member === undefined || isHiddenFrom(filter, message.topic)) done()
      else member(message, done)
    },
  }
  return group
}
