/**
 * What a client is subscribed to, in the order in which it asked. The order is kept on every connection:
 * each SUBSCRIBE waits for the SUBACK of the one before, so retained messages are replayed group by group.
 */
import type { Connection, Message, QoS } from './connection.ts'
import { BusError } from './errors.ts'
import { busLimits } from './limits.ts'
import { filterFault, withoutGroup } from './topic-filter.ts'
import { TopicTree } from './topic-tree.ts'

export type MessageHandler = (message: Message) => void | Promise<void>

export interface Subscription {
  readonly filter: string
  readonly qos?: QoS
  /** Called in the order of arrival; what it returns is not waited for. */
  readonly onMessage: MessageHandler
}

interface Entry extends Subscription {
  readonly order: number
  /** The connection on which the broker has acknowledged it. */
  on: Connection | undefined
  readonly granted: PromiseWithResolvers<void>
}

export class Subscriptions {
  readonly #entries = new Map<string, Entry>()
  readonly #tree = new TopicTree<Entry>()
  #order = 0
  #asking: Promise<void> | undefined

  /** The promise resolves at the first SUBACK, on whichever connection. */
  add(subscription: Subscription): Promise<void> {
    const { filter } = subscription
    const fault = filterFault(filter)
    if (fault !== undefined) throw new BusError('TRIJET_BUS_TOPIC', `"${filter}": ${fault}`)
    if (this.#entries.has(filter)) {
      throw new BusError('TRIJET_BUS_TOPIC', `"${filter}" is subscribed already`)
    }
    if (this.#entries.size >= busLimits.subscriptionsMax) {
      throw new BusError('TRIJET_BUS_FULL', `there are ${this.#entries.size} subscriptions already`)
    }
    const granted = Promise.withResolvers<void>()
    // Not every caller waits for it.
    granted.promise.catch(() => undefined)
    const entry = { ...subscription, order: this.#order++, on: undefined, granted }
    this.#entries.set(filter, entry)
    this.#tree.add(withoutGroup(filter), entry)
    return granted.promise
  }

  /** False when there was no such subscription. */
  remove(filter: string): boolean {
    const entry = this.#entries.get(filter)
    if (entry === undefined) return false
    this.#entries.delete(filter)
    this.#tree.remove(withoutGroup(filter), entry)
    entry.granted.reject(new BusError('TRIJET_BUS_CLOSED', `"${filter}" was unsubscribed`))
    return true
  }

  /** The handlers of a topic, in order of subscription. */
  handlers(topic: string): readonly MessageHandler[] {
    const found = this.#tree.match(topic)
    if (found.length === 1) return [found[0]!.onMessage]
    return found.toSorted((a, b) => a.order - b.order).map(({ onMessage }) => onMessage)
  }

  /** Asks for all that this connection does not have yet; rejects when the connection breaks. */
  async askFor(connection: Connection, onRefused: (error: Error) => void): Promise<void> {
    await this.#asking?.catch(() => undefined)
    this.#asking = this.#ask(connection, onRefused)
    await this.#asking
  }

  /** Gives up what was never granted. */
  clear(error: Error): void {
    for (const { granted } of this.#entries.values()) granted.reject(error)
  }

  async #ask(connection: Connection, onRefused: (error: Error) => void): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (entry.on === connection) continue
      entry.on = connection
      try {
        await connection.subscribe(entry.filter, entry.qos ?? 1)
        entry.granted.resolve()
      } catch (error) {
        if (!(error instanceof BusError)) throw error
        entry.granted.reject(error)
        onRefused(error)
      }
    }
  }
}
