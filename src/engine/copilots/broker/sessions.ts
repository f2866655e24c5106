/**
 * What the broker remembers of clients while they are away: their subscriptions, what waits for them, and
 * the QoS 2 messages they have not released.
 */
import { parseShared } from '../../bus/topic-filter.ts'
import { TopicTree } from '../../bus/topic-tree.ts'
import { RefusedError } from './group-commit.ts'
import { brokerLimits } from './limits.ts'
import type { Message, Subscription } from './message.ts'
import { SessionQueue } from './session-queue.ts'

export interface Session {
  /** By filter. */
  readonly subscriptions: Map<string, FiledSubscription>
  /** By message id. */
  readonly incoming: Map<number, Message>
  readonly queue: SessionQueue
}

export interface FiledSubscription extends Subscription {
  readonly clientId: string
}

export class Sessions {
  readonly #sessions = new Map<string, Session>()
  readonly #filters = new TopicTree<FiledSubscription>()

  get(clientId: string): Session | undefined {
    return this.#sessions.get(clientId)
  }

  make(clientId: string): Session {
    let session = this.#sessions.get(clientId)
    if (session === undefined) {
      session = { subscriptions: new Map(), incoming: new Map(), queue: new SessionQueue() }
      this.#sessions.set(clientId, session)
    }
    return session
  }

  /** Drops a session that holds nothing any more. */
  forget(clientId: string): void {
    const session = this.#sessions.get(clientId)
    if (session === undefined) return
    const { subscriptions, incoming, queue } = session
    if (subscriptions.size + incoming.size + queue.size === 0) this.#sessions.delete(clientId)
  }

  /** Refuses subscriptions that there is no room for. */
  checkRoom(clientId: string, count: number): void {
    const { sessionsMax, subscriptionsPerSessionMax } = brokerLimits
    const session = this.#sessions.get(clientId)
    if (session === undefined && this.#sessions.size >= sessionsMax) {
      throw new RefusedError(`there are ${sessionsMax} sessions already`)
    }
    if ((session?.subscriptions.size ?? 0) + count > subscriptionsPerSessionMax) {
      throw new RefusedError(`a session has at most ${subscriptionsPerSessionMax} subscriptions`)
    }
  }

  subscribe(clientId: string, subscription: Subscription): void {
    const { subscriptions } = this.make(clientId)
    const filter = subscription.topic
    const former = subscriptions.get(filter)
    if (former !== undefined) this.#filters.remove(filter, former)
    const filed = { ...subscription, clientId }
    subscriptions.set(filter, filed)
    if (isQueued(filed)) this.#filters.add(filter, filed)
  }

  unsubscribe(clientId: string, filter: string): void {
    const filed = this.#sessions.get(clientId)?.subscriptions.get(filter)
    if (filed === undefined) return
    this.#filters.remove(filter, filed)
    this.#sessions.get(clientId)?.subscriptions.delete(filter)
    this.forget(clientId)
  }

  /** The subscriptions for which a message of that topic has to wait when their client is away. */
  match(topic: string): readonly FiledSubscription[] {
    return this.#filters.match(topic)
  }

  subscribedTo(filter: string): string[] {
    return [...this.#sessions]
      .filter(([, { subscriptions }]) => subscriptions.has(filter))
      .map(([clientId]) => clientId)
  }

  count(): { readonly subsCount: number; readonly clientsCount: number } {
    const filed = [...this.#sessions.values()].flatMap(({ subscriptions }) => [
      ...subscriptions.values(),
    ])
    return {
      subsCount: filed.filter(isQueued).length,
      clientsCount: new Set(filed.map(({ clientId }) => clientId)).size,
    }
  }
}

/** Messages of QoS 0 and of shared subscriptions wait for nobody. */
function isQueued({ qos, topic }: Subscription): boolean {
  return qos > 0 && parseShared(topic) === undefined
}
