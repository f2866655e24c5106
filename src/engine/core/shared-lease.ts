/**
 * A right that one process has at a time: to do what needs to be done once, whichever process does it.
 *
 * Its holder says again and again that it is there. When it is silent, a dead one loses the right at once
 * and a stopped one after a while, to whoever asks next.
 */
import { isAlive, ownWord } from './process-identity.ts'
import type { Float64Field, Int32Field } from './shared-fields.ts'

export interface LeaseOptions {
  /** The word of the process that has the right; 0 for none. */
  readonly holder: Int32Field
  /** When it last said so, by `monotonicMs`. */
  readonly seenAt: Float64Field
  /** Whose fields these are. */
  readonly record: number
  /** How often everyone asks. */
  readonly tickMs: number
  /** Who lives and has been silent for so long is taken for stopped. */
  readonly silentMsMax: number
}

export class SharedLease {
  readonly #options: LeaseOptions

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  /** True while this process has the right; to be asked every `tickMs`. */
  take(now: number): boolean {
    const { holder, seenAt, record, tickMs, silentMsMax } = this.#options
    const word = holder.get(record)
    if (word !== ownWord) {
      const silentMs = now - seenAt.get(record)
      if (word !== 0 && silentMs < 2 * tickMs) return false
      if (word !== 0 && silentMs < silentMsMax && isAlive(word)) return false
      if (!holder.exchange(record, word, ownWord)) return false
    }
    seenAt.set(record, now)
    return true
  }

  giveUp(): void {
    const { holder, record } = this.#options
    holder.exchange(record, ownWord, 0)
  }
}
