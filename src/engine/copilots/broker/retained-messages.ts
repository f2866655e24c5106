/**
 * The last retained message of each topic, in order of first publication: that is the order of replay.
 */
import { topicMatcher } from '../../bus/topic-filter.ts'
import { RefusedError } from './group-commit.ts'
import { brokerLimits } from './limits.ts'
import { payloadBytes, type Message } from './message.ts'

export class RetainedMessages {
  readonly #messages = new Map<string, Message>()
  #bytes = 0

  get(topic: string): Message | undefined {
    return this.#messages.get(topic)
  }

  topics(filter: string): string[] {
    const matcher = topicMatcher(filter)
    return [...this.#messages.keys()].filter((topic) => matcher.matches(topic))
  }

  /** Refuses a message that there is no room for. */
  check(message: Message): void {
    const bytes = payloadBytes(message.payload)
    if (bytes === 0) return
    const { retainedMessagesMax, retainedBytesMax } = brokerLimits
    if (!this.#messages.has(message.topic) && this.#messages.size >= retainedMessagesMax) {
      throw new RefusedError(`there are ${retainedMessagesMax} retained messages already`)
    }
    if (this.#bytes + bytes > retainedBytesMax) {
      throw new RefusedError(`retained messages would exceed ${retainedBytesMax} bytes`)
    }
  }

  set(message: Message): void {
    this.#bytes += payloadBytes(message.payload) - this.#bytesOf(message.topic)
    this.#messages.set(message.topic, message)
  }

  delete(topic: string): void {
    this.#bytes -= this.#bytesOf(topic)
    this.#messages.delete(topic)
  }

  #bytesOf(topic: string): number {
    return payloadBytes(this.#messages.get(topic)?.payload ?? '')
  }
}
