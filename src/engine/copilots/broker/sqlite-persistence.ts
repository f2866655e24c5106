/**
 * What the broker must not forget: retained messages, sessions and their queues, wills. This is aedes'
 * persistence contract over one SQLite file; its own abstract suite is run on it.
 *
 * Everything is held in memory and answered from there. A change is written to the file first (in groups,
 * see `group-commit.ts`), then made in memory; it is durable when its promise resolves.
 */
import { Readable } from 'node:stream'
import type { DatabaseSync } from 'node:sqlite'
import { openDatabase } from '../../store/sqlite-database.ts'
import { GroupCommit, RefusedError } from './group-commit.ts'
import {
  ownPayload,
  payloadBytes,
  samePayload,
  type ClientRef,
  type Message,
  type NumberedMessage,
  type Queued,
  type QueuedMessage,
  type Subscription,
  type Will,
} from './message.ts'
import { RetainedMessages } from './retained-messages.ts'
import { Sessions, type FiledSubscription } from './sessions.ts'
import { brokerSchema, BrokerTables } from './tables.ts'

export interface PersistenceOptions {
  /** `:memory:` keeps nothing. */
  readonly path: string
  /** False: aedes' streams of retained messages stay empty, because the broker sends them itself. */
  readonly streamsRetained?: boolean
  /** Told when a message is not queued for a session because its queue is full. */
  readonly onDropped?: (clientId: string, topic: string) => void
}

/** The part of aedes that its persistence uses. */
export interface Numbering {
  readonly id: string
  counter: number
}

export class SqlitePersistence {
  readonly #database: DatabaseSync
  readonly #tables: BrokerTables
  readonly #commits: GroupCommit
  readonly #options: PersistenceOptions
  readonly #retained = new RetainedMessages()
  readonly #sessions = new Sessions()
  readonly #wills = new Map<string, Will>()
  #broker: Numbering | undefined

  constructor(options: PersistenceOptions) {
    this.#options = options
    this.#database = openDatabase(options.path, brokerSchema)
    this.#tables = new BrokerTables(this.#database)
    this.#commits = new GroupCommit(this.#database)
    this.#load()
  }

  get broker(): Numbering {
    if (this.#broker === undefined) throw new Error('the persistence is not set up')
    return this.#broker
  }

  /** True when a message that needs no storing would not overtake one that does. */
  get idle(): boolean {
    return this.#commits.idle
  }

  async setup(broker: Numbering): Promise<void> {
    this.#broker = broker
  }

  /**
   * Stores all that must outlive the process if this message is published, gives it its number, and then
   * delivers it. Numbers, effects and deliveries keep the order of the calls.
   */
  store(message: Message, deliver: (numbered: NumberedMessage) => void): Promise<void> {
    return this.#commits.write(() => {
      if (message.retain) this.#retained.check(message)
      const numbered = this.number(message)
      const effects = [
        ...(message.retain ? [this.#writeRetained(numbered)] : []),
        ...(message.qos > 0
          ? this.#writeQueued(this.#sessions.match(message.topic), numbered)
          : []),
      ]
      return () => {
        for (const effect of effects) effect()
        deliver(numbered)
      }
    })
  }

  number(message: Message): NumberedMessage {
    const { id } = this.broker
    const payload = ownPayload(message.payload)
    return { ...message, payload, brokerId: id, brokerCounter: ++this.broker.counter }
  }

  retainedMessage(topic: string): Message | undefined {
    return this.#retained.get(topic)
  }

  retainedTopics(filter: string): string[] {
    return this.#retained.topics(filter)
  }

  async storeRetained(message: Message): Promise<void> {
    await this.#commits.write(() => {
      this.#retained.check(message)
      return this.#writeRetained(message)
    })
  }

  createRetainedStream(filter: string): Readable {
    return this.createRetainedStreamCombi([filter])
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    if (this.#options.streamsRetained === false) return Readable.from([])
    const topics = filters.flatMap((filter) => this.retainedTopics(filter))
    return Readable.from(topics.map((topic) => this.#retained.get(topic)))
  }

  async addSubscriptions(client: ClientRef, subscriptions: readonly Subscription[]): Promise<void> {
    await this.#commits.write(() => {
      this.#sessions.checkRoom(client.id, subscriptions.length)
      for (const each of subscriptions) this.#tables.putSubscription(client.id, each)
      return () => {
        for (const each of subscriptions) this.#sessions.subscribe(client.id, each)
      }
    })
  }

  async removeSubscriptions(client: ClientRef, filters: readonly string[]): Promise<void> {
    await this.#commits.write(() => {
      for (const filter of filters) this.#tables.deleteSubscription(client.id, filter)
      return () => {
        for (const filter of filters) this.#sessions.unsubscribe(client.id, filter)
      }
    })
  }

  async cleanSubscriptions(client: ClientRef): Promise<void> {
    if (this.#sessions.get(client.id) === undefined) return
    await this.#commits.write(() => {
      this.#tables.deleteSubscriptions(client.id)
      return () => {
        const filters = this.#sessions.get(client.id)?.subscriptions.keys() ?? []
        for (const filter of filters) this.#sessions.unsubscribe(client.id, filter)
      }
    })
  }

  async subscriptionsByClient(client: ClientRef): Promise<Subscription[]> {
    const filed = this.#sessions.get(client.id)?.subscriptions.values() ?? []
    return Array.from(filed, withoutClient)
  }

  async subscriptionsByTopic(topic: string): Promise<FiledSubscription[]> {
    return [...this.#sessions.match(topic)]
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    return this.#sessions.count()
  }

  getClientList(filter: string): Readable {
    return Readable.from(this.#sessions.subscribedTo(filter))
  }

  async outgoingEnqueue(
    sub: { readonly clientId: string },
    packet: NumberedMessage,
  ): Promise<void> {
    await this.outgoingEnqueueCombi([sub], packet)
  }

  async outgoingEnqueueCombi(
    subs: readonly { readonly clientId: string }[],
    packet: NumberedMessage,
  ): Promise<void> {
    if (subs.length === 0) return
    await this.#commits.write(() => {
      const effects = this.#writeQueued(subs, packet)
      return () => {
        for (const effect of effects) effect()
      }
    })
  }

  /** Notes the id under which a message was sent, or that it has arrived and waits for its release. */
  async outgoingUpdate(client: ClientRef, packet: Queued): Promise<void> {
    await this.#commits.write(() => {
      const queue = this.#sessions.get(client.id)?.queue
      const found = queue?.find((each) =>
        each.brokerId === packet.brokerId
          ? each.brokerCounter === packet.brokerCounter
          : each.messageId === packet.messageId,
      )
      if (queue === undefined || found === undefined) throw new RefusedError('no such packet')
      if (packet.cmd === 'pubrel') this.#tables.setReleased(found.row)
      else this.#tables.setMessageId(found.row, packet.messageId)
      return () => {
        if (found.packet.cmd === 'pubrel' || packet.cmd === 'pubrel') queue.set(found.row, packet)
        else found.packet.messageId = packet.messageId
      }
    })
  }

  /** Takes an acknowledged packet out of the queue and returns it. */
  async outgoingClearMessageId(
    client: ClientRef,
    packet: Partial<Pick<QueuedMessage, 'messageId' | 'brokerId' | 'brokerCounter'>>,
  ): Promise<Queued | undefined> {
    const queue = this.#sessions.get(client.id)?.queue
    const found = queue?.find((each) =>
      packet.messageId === undefined
        ? each.messageId === undefined && each.brokerCounter === packet.brokerCounter
        : each.messageId === packet.messageId,
    )
    if (queue === undefined || found === undefined) return undefined
    return this.#commits.write(() => {
      this.#tables.deleteOutgoing(found.row)
      return () => {
        queue.delete(found.row)
        this.#sessions.forget(client.id)
        return found.packet
      }
    })
  }

  outgoingStream(client: ClientRef): Readable {
    return Readable.from(this.#sessions.get(client.id)?.queue.packets() ?? [])
  }

  async incomingStorePacket(
    client: ClientRef,
    packet: Message & { readonly messageId: number },
  ): Promise<void> {
    const { messageId } = packet
    const { topic, qos, retain, dup = false } = packet
    const payload = ownPayload(packet.payload)
    await this.#commits.write(() => {
      this.#tables.putIncoming(client.id, messageId, packet)
      const kept = { cmd: 'publish', topic, payload, qos, retain, dup, messageId } as const
      return () => void this.#sessions.make(client.id).incoming.set(messageId, kept)
    })
  }

  async incomingGetPacket(
    client: ClientRef,
    packet: { readonly messageId: number },
  ): Promise<Message> {
    const found = this.#sessions.get(client.id)?.incoming.get(packet.messageId)
    if (found === undefined) throw new Error('no such packet')
    return found
  }

  async incomingDelPacket(
    client: ClientRef,
    packet: { readonly messageId: number },
  ): Promise<void> {
    await this.incomingGetPacket(client, packet)
    await this.#commits.write(() => {
      this.#tables.deleteIncoming(client.id, packet.messageId)
      return () => {
        this.#sessions.get(client.id)?.incoming.delete(packet.messageId)
        this.#sessions.forget(client.id)
      }
    })
  }

  async cleanIncoming(client: ClientRef): Promise<void> {
    if ((this.#sessions.get(client.id)?.incoming.size ?? 0) === 0) return
    await this.#commits.write(() => {
      this.#tables.deleteAllIncoming(client.id)
      return () => {
        this.#sessions.get(client.id)?.incoming.clear()
        this.#sessions.forget(client.id)
      }
    })
  }

  async putWill(client: ClientRef, packet: Will): Promise<void> {
    packet.brokerId = this.broker.id
    packet.clientId = client.id
    await this.#commits.write(() => {
      this.#tables.putWill(client.id, this.broker.id, packet)
      return () => void this.#wills.set(client.id, packet)
    })
  }

  async getWill(client: ClientRef): Promise<Will | undefined> {
    return this.#wills.get(client.id)
  }

  async delWill(client: ClientRef): Promise<Will | undefined> {
    const will = this.#wills.get(client.id)
    if (will === undefined) return undefined
    return this.#commits.write(() => {
      this.#tables.deleteWill(client.id)
      return () => {
        this.#wills.delete(client.id)
        return will
      }
    })
  }

  /** The wills that dead brokers left, which is to say earlier runs of this one. */
  streamWill(brokers: Readonly<Record<string, unknown>> = {}): Readable {
    const left = [...this.#wills.values()].filter(({ brokerId }) => !(String(brokerId) in brokers))
    return Readable.from(left)
  }

  async destroy(): Promise<void> {
    this.#commits.flush()
    this.#database.close()
  }

  #load(): void {
    for (const message of this.#tables.retained()) this.#retained.set(message)
    for (const { client, ...each } of this.#tables.subscriptions())
      this.#sessions.subscribe(client, each)
    for (const { id, client, packet } of this.#tables.outgoing()) {
      this.#sessions.make(client).queue.set(id, packet)
    }
    for (const { client, messageId, packet } of this.#tables.incoming()) {
      this.#sessions.make(client).incoming.set(messageId, packet)
    }
    for (const will of this.#tables.wills()) this.#wills.set(will.clientId, will)
  }

  #writeRetained(message: Message): () => void {
    const { topic } = message
    if (payloadBytes(message.payload) === 0) {
      this.#tables.deleteRetained(topic)
      return () => this.#retained.delete(topic)
    }
    const former = this.#retained.get(topic)
    const same = former?.qos === message.qos && samePayload(former.payload, message.payload)
    // Publishers repeat their whole state when they start; that costs no disk.
    if (!same) this.#tables.putRetained(message)
    const kept = { ...message, payload: ownPayload(message.payload) }
    return () => this.#retained.set(kept)
  }

  #writeQueued(
    subs: readonly { readonly clientId: string }[],
    packet: NumberedMessage,
  ): (() => void)[] {
    const effects: (() => void)[] = []
    for (const { clientId } of subs) {
      if (this.#sessions.get(clientId)?.queue.full === true) {
        this.#options.onDropped?.(clientId, packet.topic)
        continue
      }
      const queued = toQueued(packet)
      const row = this.#tables.addOutgoing(clientId, queued)
      effects.push(() => this.#sessions.make(clientId).queue.set(row, queued))
    }
    return effects
  }
}

function toQueued(packet: NumberedMessage): QueuedMessage {
  const { topic, payload, qos, retain, dup = false, brokerId, brokerCounter } = packet
  return {
    cmd: 'publish',
    brokerId,
    brokerCounter,
    topic,
    payload: ownPayload(payload),
    qos,
    retain,
    dup,
    messageId: undefined,
  }
}

function withoutClient({ clientId: _clientId, ...subscription }: FiledSubscription): Subscription {
  return subscription
}
