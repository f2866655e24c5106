/**
 * Changes as they are made, for many who listen: the history is asked once for all of them.
 *
 * ```text
 *   plane ── something changed ──▶ feed ── asks the history ──▶ recent entries ──▶ listeners wake up
 *                                                                   ▲ each reads from where it is
 * ```
 */
import { feedRecentEntries, historyPageEntriesMax } from './limits.ts'
import type { ControlPlane, HistoryEntry } from './plane.ts'

export class ChangeFeed {
  readonly #plane: ControlPlane
  /** The last changes, the oldest first, without a gap. */
  #recent: readonly HistoryEntry[] = []
  #reading: Promise<void> | undefined
  readonly #listeners = new Set<() => void>()
  #stop: (() => void) | undefined

  constructor(plane: ControlPlane) {
    this.#plane = plane
  }

  get listeners(): number {
    return this.#listeners.size
  }

  /** Calls `onChange` at every change from now on. */
  join(onChange: () => void): void {
    this.#listeners.add(onChange)
    this.#stop ??= this.#plane.onChange(() => {
      for (const listener of this.#listeners) listener()
    })
  }

  leave(onChange: () => void): void {
    this.#listeners.delete(onChange)
    if (this.#listeners.size > 0) return
    this.#stop?.()
    this.#stop = undefined
    this.#recent = []
  }

  /** Changes after that revision, the oldest first, as many as a page holds. */
  async since(revision: number): Promise<readonly HistoryEntry[]> {
    const { revision: newest } = this.#plane.version()
    if (revision >= newest) return []
    if ((this.#recent.at(-1)?.revision ?? 0) < newest) {
      this.#reading ??= this.#read(newest).finally(() => (this.#reading = undefined))
      await this.#reading
    }
    const first = this.#recent[0]
    if (first !== undefined && first.revision <= revision + 1) {
      return this.#recent.filter((entry) => entry.revision > revision)
    }
    const before = Math.min(revision + historyPageEntriesMax, newest) + 1
    const { entries } = await this.#plane.history({ limit: historyPageEntriesMax, before })
    const found = entries.filter((entry) => entry.revision > revision).toReversed()
    // What the history does not hold any more is passed over.
    return found.length === 0 && before <= newest ? this.since(before - 1) : found
  }

  async #read(newest: number): Promise<void> {
    const before = newest + 1
    const { entries } = await this.#plane.history({ limit: feedRecentEntries, before })
    this.#recent = entries.toReversed()
  }
}
