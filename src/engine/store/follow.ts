/**
 * Watching, as both local stores do it: read the history forward, page by page, and sleep at its end.
 *
 * The history is the buffer. A slow consumer costs no memory; one that sleeps longer than the history is
 * kept gets the error that tells it to start again.
 */
import { storeLimits } from './limits.ts'
import { StoreError, type Transaction } from './store.ts'

/** A piece of history. */
export interface Stretch {
  readonly transactions: readonly Transaction[]
  /** Everything up to this revision has been looked at, whether or not it concerned the prefix. */
  readonly upTo: number
  /** True when the end of the history was reached. */
  readonly atEnd: boolean
}

/** Wakes all who sleep; each sleeper is bound to a signal that ends its sleep too. */
export class Alarm {
  readonly #sleepers = new Set<() => void>()

  get sleepers(): number {
    return this.#sleepers.size
  }

  ring(): void {
    for (const wake of this.#sleepers) wake()
  }

  async sleep(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#sleepers.add(wake)
      signal.addEventListener('abort', wake, { once: true })
    })
  }
}

/**
 * `read` is synchronous, and the sleep begins in the same turn as the read that found nothing: no change
 * of this process can slip between the two.
 */
export async function* follow(
  read: (after: number) => Stretch,
  after: number,
  sleep: { readonly alarm: Alarm; readonly signal: AbortSignal },
): AsyncGenerator<Transaction> {
  const { alarm, signal } = sleep
  let revision = after
  while (!signal.aborted) {
    const stretch = read(revision)
    for (const transaction of stretch.transactions) {
      if (signal.aborted) return
      yield transaction
    }
    revision = stretch.upTo
    if (stretch.atEnd && stretch.transactions.length === 0) await alarm.sleep(signal)
  }
}

/** Refuses to watch from a revision whose successors are gone, or from one that never was. */
export function checkHistory(after: number, compacted: number, current: number): void {
  if (after >= compacted && after <= current) return
  throw new StoreError(
    'TRIJET_STORE_COMPACTED',
    `revision ${after} is outside the history, which goes from ${compacted} to ${current}`,
  )
}

export function checkWatchers(count: number): void {
  if (count < storeLimits.watchersMax) return
  throw new StoreError(
    'TRIJET_STORE_SIZE',
    `there are ${count} watchers, at most ${storeLimits.watchersMax} are allowed`,
  )
}
