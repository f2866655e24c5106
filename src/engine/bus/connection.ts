/**
 * One connection to the broker, from CONNECT to its end. It does not heal: `client.ts` opens the next one.
 *
 * MQTT itself is the work of the `mqtt` package; its own reconnecting, queueing and resubscribing are
 * switched off, because it does not keep the order that the bus promises.
 */
import { connect, type NetConnectOpts } from 'node:net'
import { ErrorWithSubackPacket, MqttClient, type IClientOptions } from 'mqtt'
import type { BrokerAddress } from './address.ts'
import { BusError } from './errors.ts'
import { busLimits } from './limits.ts'

export type QoS = 0 | 1 | 2

/** Published by the broker when this client goes without a word. */
export interface Will {
  readonly topic: string
  readonly payload: string | Uint8Array
  readonly qos?: QoS
  readonly retain?: boolean
}

/** A message that came in. */
export interface Message {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: QoS
  /** True when the broker kept the message and it is older than the subscription. */
  readonly retain: boolean
}

/** A message that goes out. */
export interface Publication {
  readonly topic: string
  readonly payload: string | Uint8Array
  readonly qos: QoS
  readonly retain: boolean
}

export interface ConnectionOptions {
  readonly address: BrokerAddress
  readonly clientId: string
  readonly keepaliveSeconds?: number
  readonly username?: string
  readonly password?: string
  readonly will?: Will
  readonly onMessage: (message: Message) => void
  /** Gives up the attempt; has no effect once connected. */
  readonly signal: AbortSignal
}

export class Connection {
  /** Resolves with the reason when the connection is over, whoever ended it. */
  readonly closed: Promise<string>
  readonly #client: MqttClient

  private constructor(client: MqttClient, closed: Promise<string>) {
    this.#client = client
    this.closed = closed
  }

  /** Resolves when the broker has accepted the client; rejects with the reason when it has not. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    let reason = 'the connection was closed'
    const onError = (error: Error): void => void (reason = error.message)
    const client = new MqttClient(() => openSocket(options.address, onError), toMqtt(options))
    client.on('error', onError)
    client.on('message', (topic, payload, { qos, retain }) => {
      options.onMessage({ topic, payload, qos, retain })
    })
    const closed = new Promise<string>((resolve) => client.once('close', () => resolve(reason)))
    const accepted = new Promise<true>((resolve) => client.once('connect', () => resolve(true)))
    const giveUp = (): void => void client.stream.destroy()
    options.signal.addEventListener('abort', giveUp, { once: true })
    const first = await Promise.race([accepted, closed])
    options.signal.removeEventListener('abort', giveUp)
    if (first === true) return new Connection(client, closed)
    client.end(true)
    throw new Error(first)
  }

  /** Resolves at the SUBACK. */
  async subscribe(filter: string, qos: QoS): Promise<void> {
    try {
      await this.#whileOpen(this.#client.subscribeAsync(filter, { qos }))
    } catch (error) {
      if (!(error instanceof ErrorWithSubackPacket)) throw error
      const message = `the broker refused to subscribe to "${filter}"`
      throw new BusError('TRIJET_BUS_REFUSED', message, { cause: error })
    }
  }

  async unsubscribe(filter: string): Promise<void> {
    await this.#whileOpen(this.#client.unsubscribeAsync(filter))
  }

  /** Calls back when the broker has acknowledged (QoS 1 and 2) or the message is written (QoS 0). */
  publish({ topic, payload, qos, retain }: Publication, done: (error?: Error) => void): void {
    const bytes = typeof payload === 'string' ? payload : Buffer.from(payload)
    this.#client.publish(topic, bytes, { qos, retain }, (error) => done(error ?? undefined))
  }

  /** Says good-bye, so that the will is not published. */
  async end(): Promise<void> {
    const cut = setTimeout(() => this.destroy(), busLimits.closeTimeoutMs)
    await Promise.race([this.#client.endAsync(), this.closed])
    clearTimeout(cut)
  }

  /** Ends it as a cut cable would. */
  destroy(): void {
    this.#client.end(true)
    this.#client.stream.destroy()
  }

  /** `mqtt` leaves some promises unsettled when the connection breaks. */
  #whileOpen<T>(work: Promise<T>): Promise<T> {
    const broken = this.closed.then((reason): never => {
      throw new Error(reason)
    })
    return Promise.race([work, broken])
  }
}

function toMqtt(options: ConnectionOptions): IClientOptions {
  const { clientId, keepaliveSeconds, username, password, will } = options
  return {
    clientId,
    protocolVersion: 4,
    clean: true,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    connectTimeout: busLimits.connectTimeoutMs,
    timerVariant: 'native',
    ...(keepaliveSeconds !== undefined && { keepalive: keepaliveSeconds }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(will !== undefined && { will: toMqttWill(will) }),
  }
}

function toMqttWill({
  topic,
  payload,
  qos = 0,
  retain = false,
}: Will): NonNullable<IClientOptions['will']> {
  return { topic, payload: Buffer.from(payload as string), qos, retain }
}

function openSocket(
  address: BrokerAddress,
  onError: (error: Error) => void,
): ReturnType<typeof connect> {
  const to: NetConnectOpts = 'path' in address ? { path: address.path } : { ...address }
  return connect(to).setNoDelay(true).on('error', onError)
}
