/**
 * aedes with the guarantees that a configuration journal needs. Four things differ from aedes as it comes:
 *
 * ```text
 *            aedes                                   here
 *   QoS 1    acknowledge ─ store ─ deliver           store ─ deliver ─ acknowledge
 *   order    number ─ wait for store ─ deliver,      number and deliver in the order of arrival;
 *            a late one is dropped as a repetition   nothing overtakes what waits for the disk
 *   replay   one stream per SUBSCRIBE, interleaved   one after the other for each client
 *   $share   unknown                                 one member of the group in turns
 * ```
 *
 * A slow subscriber holds up nobody: it is cut off once too much waits for it.
 */
import { Aedes, type AedesOptions, type Client } from 'aedes'
import { parseShared } from '../../bus/topic-filter.ts'
import type { Log } from '../../core/log.ts'
import { brokerLimits } from './limits.ts'
import type { Message, NumberedMessage, Subscription } from './message.ts'
import { SharedSubscriptions, type Deliver, type Exchange } from './shared-subscriptions.ts'
import type { SqlitePersistence } from './sqlite-persistence.ts'

export interface DurableBrokerOptions {
  readonly persistence: SqlitePersistence
  readonly log: Log
  readonly authenticate?: AedesOptions['authenticate']
}

type Done = (error?: Error) => void
type Rest = [done: Done] | [client: Client | null, done: Done]

/** The members of aedes that its type declarations leave out. */
interface AedesInside {
  readonly mq: { emit(message: NumberedMessage, done: () => void): void }
}

interface ClientInside {
  deliverQoS(message: Message & { readonly brokerId: null }, done: () => void): void
}

export class DurableBroker extends Aedes {
  readonly #persistence: SqlitePersistence
  readonly #log: Log
  readonly #shared = new SharedSubscriptions()
  /** Packets that were published while they were authorized; aedes then publishes them once more. */
  readonly #published = new WeakSet<object>()
  readonly #replays = new WeakMap<Client, Promise<void>>()

  constructor(options: DurableBrokerOptions) {
    const { persistence, log, authenticate } = options
    super({
      persistence,
      // No limit on messages in delivery: with one, a single stuck subscriber stops the whole broker.
      concurrency: 0,
      connectTimeout: brokerLimits.connectTimeoutMs,
      ...(authenticate !== undefined && { authenticate }),
    })
    this.#persistence = persistence
    this.#log = log
    this.authorizePublish = (client, packet, done) => this.#authorizePublish(client, packet, done)
    this.authorizeSubscribe = (client, sub, done) => done(null, this.#mayShare(client, sub))
    this.authorizeForward = (client, packet) => (this.#keepsUp(client) ? packet : null)
    this.on('subscribe', (subs, client) => this.#replayLater(client, subs))
  }

  /** Called by aedes for every message, its own about clients included; `client` is not in its types. */
  override publish(packet: Message, ...rest: Rest): void {
    const [client, done] = rest.length === 1 ? [null, rest[0]] : rest
    if (this.#published.delete(packet)) {
      done()
      return
    }
    this.#store(packet, client).then(
      () => done(),
      (error: Error) => done(error),
    )
  }

  override subscribe(filter: string, deliver: Deliver, done: () => void = nothing): void {
    const exchange = this.#exchange()
    if (!this.#shared.join(filter, deliver, { exchange, done })) {
      exchange.subscribe(filter, deliver, done)
    }
  }

  override unsubscribe(filter: string, deliver: Deliver, done: () => void = nothing): void {
    const exchange = this.#exchange()
    if (!this.#shared.leave(filter, deliver, { exchange, done })) {
      exchange.unsubscribe(filter, deliver, done)
    }
  }

  /** aedes acknowledges QoS 1 right after this, so the message is stored and delivered within it. */
  #authorizePublish(client: Client | null, packet: Message, done: Done): void {
    if (packet.topic.startsWith('$SYS/')) {
      done(new Error('topics under $SYS are the broker’s own'))
      return
    }
    if (packet.qos !== 1) {
      done()
      return
    }
    this.#store(packet, client).then(
      () => {
        this.#published.add(packet)
        done()
      },
      (error: Error) => done(error),
    )
  }

  async #store(packet: Message, client: Client | null): Promise<void> {
    const deliver = (numbered: NumberedMessage): void => this.#deliver(packet, numbered, client)
    const stored = packet.retain || packet.qos > 0 || !this.#persistence.idle
    if (stored) await this.#persistence.store(packet, deliver)
    else deliver(this.#persistence.number(packet))
  }

  #deliver(packet: Message, numbered: NumberedMessage, client: Client | null): void {
    if (client !== null) numbered.clientId = client.id
    const { mq } = this as unknown as AedesInside
    mq.emit(numbered, nothing)
    this.emit('publish', packet, client)
  }

  /** A session that is away could miss its turn, so sharing is for sessions that end with their connection. */
  #mayShare<Sub extends Subscription>(client: Client, sub: Sub): Sub | null {
    const fits = client.clean || sub.qos === 0 || parseShared(sub.topic) === undefined
    if (!fits) this.#log.write('warn', `bus: "${client.id}" may share only with a clean session`)
    return fits ? sub : null
  }

  #keepsUp(client: Client): boolean {
    const { conn } = client
    if (conn.writableLength <= brokerLimits.sendBufferBytesMax) return true
    if (!conn.destroyed) {
      this.#log.write('warn', `bus: "${client.id}" does not read its messages and is cut off`)
      conn.destroy()
    }
    return false
  }

  #exchange(): Exchange {
    return {
      subscribe: (filter, deliver, done) => super.subscribe(filter, deliver, done),
      unsubscribe: (filter, deliver, done) => super.unsubscribe(filter, deliver, done),
    }
  }

  /** Replays follow each other: clients rely on the order of their subscriptions. */
  #replayLater(client: Client, subs: readonly Subscription[]): void {
    const before = this.#replays.get(client) ?? Promise.resolve()
    const granted = subs
      .filter(({ qos }) => isGranted(qos))
      .filter(({ topic }) => parseShared(topic) === undefined)
      .map(({ topic, qos }) => ({ topic, qos }))
    this.#replays.set(
      client,
      before.then(() => this.#replay(client, granted)),
    )
  }

  async #replay(client: Client, subs: readonly Subscription[]): Promise<void> {
    for (const { topic: filter, qos } of subs) {
      const topics = this.#persistence.retainedTopics(filter)
      for (let at = 0; at < topics.length; at += brokerLimits.replayedTogetherMax) {
        const window = topics.slice(at, at + brokerLimits.replayedTogetherMax)
        await Promise.all(window.map((topic) => this.#replayOne(client, topic, qos)))
        if (client.closed) return
      }
    }
  }

  /** Sends what is retained now, which may be newer than at the time of the subscription. */
  async #replayOne(client: Client, topic: string, qosMax: Subscription['qos']): Promise<void> {
    const found = this.#persistence.retainedMessage(topic)
    if (found === undefined) return
    const { payload } = found
    const qos = Math.min(found.qos, qosMax) as Subscription['qos']
    const inside = client as unknown as ClientInside
    await new Promise<void>((resolve) => {
      const message = { cmd: 'publish', topic, payload, qos, retain: true, brokerId: null } as const
      inside.deliverQoS(message, resolve)
    })
  }
}

function nothing(): void {}

/** aedes notes a refusal as quality 128, the return code of the SUBACK (§3.9.3). */
function isGranted(qos: number): boolean {
  return qos < 128
}
