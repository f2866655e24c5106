/**
 * Writes that come in one turn of the event loop share one transaction, and so one flush of the disk.
 *
 * ```text
 *   turn n     write A, write B, write C     each gets a promise
 *   its end    BEGIN  A  B  C  COMMIT        one flush
 *              A, B, C take effect in memory and their promises resolve, in this order
 * ```
 *
 * A write has two halves: the statements, and what changes in memory once they are durable. When the
 * commit fails, no second half runs and all its writers learn why.
 */
import type { DatabaseSync } from 'node:sqlite'
import { transact } from '../../store/sqlite-database.ts'
import { brokerLimits } from './limits.ts'

/** Runs the statements and returns what to do after the commit. May refuse by throwing, before any statement. */
export type Write<T> = () => () => T

/** A write that was refused for what it asks, which is no fault of the others in its transaction. */
export class RefusedError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'RefusedError'
  }
}

interface Waiting {
  readonly run: () => () => void
  readonly fail: (error: unknown) => void
}

export class GroupCommit {
  readonly #database: DatabaseSync
  #waiting: Waiting[] = []
  #scheduled = false
  #committing = false

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** True when nothing is under way that a new message would have to queue behind. */
  get idle(): boolean {
    return this.#waiting.length === 0 && !this.#committing
  }

  write<T>(work: Write<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#waiting.push({
      run: () => {
        const effect = work()
        return () => resolve(effect())
      },
      fail: reject,
    })
    this.#schedule()
    return promise
  }

  /** Commits everything that waits, now. */
  flush(): void {
    while (this.#waiting.length > 0) {
      this.#commit(this.#waiting.splice(0, brokerLimits.writesPerCommitMax))
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // Runs after all sockets that are readable now have been read.
    setImmediate(() => {
      this.#scheduled = false
      this.#commit(this.#waiting.splice(0, brokerLimits.writesPerCommitMax))
      if (this.#waiting.length > 0) this.#schedule()
    })
  }

  #commit(batch: readonly Waiting[]): void {
    if (batch.length === 0) return
    this.#committing = true
    try {
      const effects = transact(this.#database, () => batch.map(attempt))
      for (const effect of effects) effect()
    } catch (error) {
      for (const { fail } of batch) fail(error)
    } finally {
      this.#committing = false
    }
  }
}

/** A refusal concerns its writer alone; any other failure undoes the whole transaction. */
function attempt({ run, fail }: Waiting): () => void {
  try {
    return run()
  } catch (error) {
    if (error instanceof RefusedError) return () => fail(error)
    throw error
  }
}
