/**
 * The event bus as a process of this engine sees it.
 *
 * ```text
 *            ┌──────────── back-off ◀───────────┐
 *            ▼                                  │ connection lost
 *   connecting ──▶ subscribing, in order ──▶ ready ──▶ closed
 *                                              └ what waits is sent, in order
 * ```
 *
 * It reconnects for as long as it lives, and less and less often where no connection lasts. Messages of QoS 1 wait for the broker, within limits; the promise
 * of `publish` resolves when the broker has acknowledged, which is when it has made the message durable.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../core/log.ts'
import { monotonicMs } from '../core/monotonic.ts'
import { showBrokerAddress, type BrokerAddress } from './address.ts'
import { Connection, type Message, type QoS, type Will } from './connection.ts'
import { BusError } from './errors.ts'
import { busLimits } from './limits.ts'
import { offline, Outbox, type Outgoing } from './outbox.ts'
import { Subscriptions, type Subscription } from './subscriptions.ts'
import { topicFault } from './topic-filter.ts'

export interface BusClientOptions {
  readonly address: BrokerAddress
  /** Unique on the bus: a second client with the same id throws out the first. */
  readonly clientId: string
  readonly log: Log
  readonly keepaliveSeconds?: number
  readonly username?: string
  readonly password?: string
  readonly will?: Will
  /** Called each time when all subscriptions are in place again. */
  readonly onConnect?: () => void
  readonly onDisconnect?: (reason: string) => void
  /** From 0 to 1, for the jitter of reconnecting. */
  readonly random?: () => number
}

export interface PublishOptions {
  /** 1 by default. QoS 0 is refused while the bus is not connected: it does not wait. */
  readonly qos?: QoS
  /** False by default. */
  readonly retain?: boolean
}

export class BusClient {
  readonly clientId: string
  readonly #options: BusClientOptions
  readonly #closing = new AbortController()
  readonly #outbox = new Outbox()
  readonly #subscriptions = new Subscriptions()
  readonly #ended: Promise<void>
  #connection: Connection | undefined
  /** True when the connection has all its subscriptions. */
  #ready = false
  #onDrained: (() => void) | undefined

  /** Begins to connect at once. */
  constructor(options: BusClientOptions) {
    this.clientId = options.clientId
    this.#options = options
    this.#ended = this.#run()
  }

  get connected(): boolean {
    return this.#ready
  }

  /**
   * Asks for these filters one after the other, now and on every later connection; resolves when the broker
   * has granted all of them.
   */
  async subscribe(...subscriptions: readonly Subscription[]): Promise<void> {
    this.#checkOpen()
    const granted = Promise.all(subscriptions.map((each) => this.#subscriptions.add(each)))
    if (this.#ready) this.#askAgain()
    await granted
  }

  async unsubscribe(filter: string): Promise<void> {
    this.#checkOpen()
    if (!this.#subscriptions.remove(filter)) return
    if (this.#ready) await this.#connection?.unsubscribe(filter)
  }

  /** Resolves at the broker's acknowledgement; for QoS 0 when the message is written. */
  async publish(
    topic: string,
    payload: string | Uint8Array,
    options: PublishOptions = {},
  ): Promise<void> {
    this.#checkOpen()
    const { qos = 1, retain = false } = options
    const fault = topicFault(topic)
    if (fault !== undefined) throw new BusError('TRIJET_BUS_TOPIC', `"${topic}": ${fault}`)
    if (qos === 0 && !this.#ready) throw offline()
    const acknowledged = this.#outbox.add({ topic, payload, qos, retain })
    this.#send()
    await acknowledged
  }

  /**
   * OpenNJet's normal message: it first erases what is retained on its topic, so that no later subscriber
   * is told something that is over.
   */
  async send(topic: string, payload: string | Uint8Array): Promise<void> {
    await Promise.all([this.publish(topic, '', { retain: true }), this.publish(topic, payload)])
  }

  /** Sends what still waits, for a short while, and leaves without its will being published. */
  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      await this.#drain()
      this.#closing.abort()
      await this.#connection?.end()
      const closed = new BusError('TRIJET_BUS_CLOSED', 'the event bus is closed')
      this.#outbox.clear(closed)
      this.#subscriptions.clear(closed)
    }
    await this.#ended
  }

  async #run(): Promise<void> {
    const { log, address } = this.#options
    const { signal } = this.#closing
    for (let attempt = 0; !signal.aborted; attempt++) {
      let readyAt = Infinity
      const reason = await this.#connect(() => (readyAt = monotonicMs()))
      if (signal.aborted) return
      if (monotonicMs() - readyAt >= busLimits.settledMs) attempt = 0
      const level = attempt === 0 || readyAt < Infinity ? 'warn' : 'info'
      log.write(level, `bus: not connected to ${showBrokerAddress(address)}: ${reason}`)
      await delay(this.#backoffMs(attempt), undefined, { signal }).catch(() => undefined)
    }
  }

  /** One connection, from attempt to end; returns why it ended. */
  async #connect(onReady: () => void): Promise<string> {
    try {
      const connection = await Connection.open({
        ...this.#options,
        onMessage: (message) => this.#dispatch(message),
        signal: this.#closing.signal,
      })
      this.#connection = connection
      if (this.#closing.signal.aborted) await connection.end()
      await Promise.race([this.#prepare(connection, onReady), connection.closed])
      return await connection.closed
    } catch (error) {
      this.#connection?.destroy()
      return (error as Error).message
    } finally {
      this.#onEnd()
    }
  }

  async #prepare(connection: Connection, onReady: () => void): Promise<void> {
    await this.#subscriptions.askFor(connection, (error) => this.#warn(error))
    if (connection !== this.#connection) return
    onReady()
    this.#ready = true
    this.#options.log.write('info', `bus: "${this.clientId}" is connected`)
    this.#options.onConnect?.()
    this.#send()
  }

  #onEnd(): void {
    const wasReady = this.#ready
    this.#ready = false
    this.#connection = undefined
    this.#outbox.takeBack()
    if (wasReady) this.#options.onDisconnect?.('the connection was lost')
  }

  /** For subscriptions added while connected; a connection that breaks meanwhile asks for them anyway. */
  #askAgain(): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#subscriptions
      .askFor(connection, (error) => this.#warn(error))
      .catch(() => connection.destroy())
  }

  #send(): void {
    const connection = this.#connection
    if (connection === undefined || !this.#ready) return
    for (let next = this.#outbox.next(); next !== undefined; next = this.#outbox.next()) {
      const outgoing: Outgoing = next
      connection.publish(outgoing.publication, (error) => {
        if (error !== undefined || connection !== this.#connection) return
        this.#outbox.acknowledged(outgoing)
        if (this.#outbox.size === 0) this.#onDrained?.()
        this.#send()
      })
    }
  }

  #dispatch(message: Message): void {
    for (const handler of this.#subscriptions.handlers(message.topic)) {
      try {
        handler(message)?.catch((error: Error) => this.#warn(error, message.topic))
      } catch (error) {
        this.#warn(error as Error, message.topic)
      }
    }
  }

  async #drain(): Promise<void> {
    if (this.#outbox.size === 0 || !this.#ready) return
    const drained = new Promise<void>((resolve) => (this.#onDrained = resolve))
    await Promise.race([drained, delay(busLimits.closeTimeoutMs, undefined, { ref: false })])
  }

  #backoffMs(attempt: number): number {
    const { random = Math.random } = this.#options
    const { reconnectFirstMs, reconnectMostMs } = busLimits
    const most = Math.min(reconnectMostMs, reconnectFirstMs * 2 ** Math.min(attempt, 16))
    return most * (0.5 + random() / 2)
  }

  #warn(error: Error, topic?: string): void {
    const where = topic === undefined ? '' : ` while handling "${topic}"`
    this.#options.log.write('error', `bus: ${error.message}${where}`)
  }

  #checkOpen(): void {
    if (!this.#closing.signal.aborted) return
    throw new BusError('TRIJET_BUS_CLOSED', 'the event bus is closed')
  }
}
