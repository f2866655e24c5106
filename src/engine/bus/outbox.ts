/**
 * Messages on their way out: those that wait, and those that were sent and are not acknowledged yet.
 *
 * ```text
 *   add ─▶ waiting ─▶ sent ─▶ acknowledged
 *             ▲         │
 *             └─────────┘ the connection broke: all that was sent waits again, in its old order
 * ```
 *
 * A message may so be delivered twice, as QoS 1 allows, but none is lost or overtakes another one.
 */
import type { Publication } from './connection.ts'
import { BusError } from './errors.ts'
import { busLimits } from './limits.ts'

export interface Outgoing {
  readonly publication: Publication
  readonly settle: (error?: Error) => void
}

export class Outbox {
  #waiting: Outgoing[] = []
  readonly #sent = new Set<Outgoing>()
  #bytes = 0

  get size(): number {
    return this.#waiting.length + this.#sent.size
  }

  /** Resolves when the message is acknowledged. */
  add(publication: Publication): Promise<void> {
    const bytes = bytesOf(publication)
    if (
      this.size >= busLimits.queuedMessagesMax ||
      this.#bytes + bytes > busLimits.queuedBytesMax
    ) {
      throw new BusError(
        'TRIJET_BUS_FULL',
        `${this.size} messages of ${this.#bytes} bytes wait for the broker already`,
      )
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const settle = (error?: Error): void => {
      this.#bytes -= bytes
      if (error === undefined) resolve()
      else reject(error)
    }
    this.#bytes += bytes
    this.#waiting.push({ publication, settle })
    return promise
  }

  /** The next message to send; undefined when there is none or enough are under way. */
  next(): Outgoing | undefined {
    if (this.#sent.size >= busLimits.inflightMax) return undefined
    const outgoing = this.#waiting.shift()
    if (outgoing !== undefined) this.#sent.add(outgoing)
    return outgoing
  }

  acknowledged(outgoing: Outgoing): void {
    if (this.#sent.delete(outgoing)) outgoing.settle()
  }

  /** Takes back what was sent over a connection that broke. QoS 0 is not repeated: it may have arrived. */
  takeBack(): void {
    const sent = [...this.#sent]
    this.#sent.clear()
    const [lost, kept] = [sent.filter(isFleeting), sent.filter((each) => !isFleeting(each))]
    this.#waiting = [...kept, ...this.#waiting]
    for (const { settle } of lost) settle(offline())
  }

  /** Gives up everything. */
  clear(error: Error): void {
    const all = [...this.#sent, ...this.#waiting]
    this.#sent.clear()
    this.#waiting = []
    for (const { settle } of all) settle(error)
  }
}

export function offline(): BusError {
  return new BusError('TRIJET_BUS_OFFLINE', 'the event bus is not connected')
}

function isFleeting({ publication }: Outgoing): boolean {
  return publication.qos === 0
}

function bytesOf({ topic, payload }: Publication): number {
  return Buffer.byteLength(topic) + Buffer.byteLength(payload)
}
