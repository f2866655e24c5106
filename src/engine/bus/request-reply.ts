/**
 * Questions and answers over the bus.
 *
 * ```text
 *   requester                             responder
 *   request(/worker_a/rpc/x, body) ─────▶ serve(/worker_a/#, handler)
 *       id 7, reply to ME_rcp_resp              │
 *   ◀──────────── id 7, body or error ──────────┘
 * ```
 *
 * Requests are sent with QoS 0 and wait for nobody: a request that comes late would be answered when its
 * asker has long given up, and carried out all the same.
 */
import type { BusClient } from './client.ts'
import type { Message } from './connection.ts'
import { decodeReply, decodeRequest, encodeEnvelope, type Json } from './envelope.ts'
import { BusError } from './errors.ts'
import { busLimits } from './limits.ts'
import { replyTopic } from './topics.ts'

export interface RequestOptions {
  readonly timeoutMs?: number
}

/** The answer becomes the reply's body; an error's message becomes the reply's error. */
export type RequestHandler = (topic: string, body: Json) => Json | Promise<Json>

interface Pending {
  readonly resolve: (body: Json) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

export class Requester {
  readonly #bus: BusClient
  readonly #replyTopic: string
  readonly #pending = new Map<number, Pending>()
  readonly #listening: Promise<void>
  #nextId = 1

  /** One for each client: it subscribes to the client's reply topic. */
  constructor(bus: BusClient) {
    this.#bus = bus
    this.#replyTopic = replyTopic(bus.clientId)
    const subscription = { filter: this.#replyTopic, qos: 0 as const }
    this.#listening = bus.subscribe({ ...subscription, onMessage: (reply) => this.#onReply(reply) })
    // Told to whoever asks first.
    this.#listening.catch(() => undefined)
  }

  /**
   * Resolves with the body of the reply. Fails with `TRIJET_BUS_TIMEOUT` when none comes, which says nothing
   * about whether the request was carried out; with `TRIJET_BUS_REMOTE` when its handler failed.
   */
  async request(topic: string, body: Json, options: RequestOptions = {}): Promise<Json> {
    if (this.#pending.size >= busLimits.requestsMax) {
      throw new BusError('TRIJET_BUS_FULL', `${this.#pending.size} requests wait for replies`)
    }
    const { timeoutMs = busLimits.requestTimeoutMs } = options
    const id = this.#nextId++
    const { promise, resolve, reject } = Promise.withResolvers<Json>()
    const timer = setTimeout(() => this.#fail(id, noReply(topic, timeoutMs)), timeoutMs)
    this.#pending.set(id, { resolve, reject, timer })
    this.#send(topic, id, body).catch((error: Error) => this.#fail(id, error))
    return promise
  }

  async #send(topic: string, id: number, body: Json): Promise<void> {
    await this.#listening
    const envelope = encodeEnvelope({ reply: this.#replyTopic, id, body })
    if (this.#pending.has(id)) await this.#bus.publish(topic, envelope, { qos: 0 })
  }

  #onReply({ payload }: Message): void {
    const reply = decodeReply(payload)
    const pending = reply && this.#pending.get(reply.id)
    // A reply after its time-out has nobody to go to.
    if (reply === undefined || pending === undefined) return
    if ('error' in reply) this.#fail(reply.id, new BusError('TRIJET_BUS_REMOTE', reply.error))
    else {
      this.#pending.delete(reply.id)
      clearTimeout(pending.timer)
      pending.resolve(reply.body)
    }
  }

  #fail(id: number, error: Error): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#pending.delete(id)
    clearTimeout(pending.timer)
    pending.reject(error)
  }
}

/** Answers the requests that come under a filter; other messages there are left alone. */
export async function serve(
  bus: BusClient,
  filter: string,
  handler: RequestHandler,
): Promise<void> {
  await bus.subscribe({
    filter,
    onMessage: async ({ topic, payload }) => {
      const request = decodeRequest(payload)
      if (request === undefined) return
      const { id, reply, body } = request
      const answer = await answerTo(() => handler(topic, body))
      await bus.publish(reply, encodeEnvelope({ id, ...answer }), { qos: 0 })
    },
  })
}

async function answerTo(
  work: () => Json | Promise<Json>,
): Promise<{ readonly body: Json } | { readonly error: string }> {
  try {
    return { body: await work() }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

function noReply(topic: string, timeoutMs: number): BusError {
  return new BusError('TRIJET_BUS_TIMEOUT', `no reply on "${topic}" within ${timeoutMs} ms`)
}
