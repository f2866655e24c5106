/**
 * Notices that another process has committed to an SQLite file.
 *
 * SQLite has no notification across processes, but each commit appends to the log file beside the database:
 *
 * ```text
 *   writer   write log ── flush log ── publish in shared index
 *   here        └▶ event     look?       look?  look!
 * ```
 *
 * The event comes before the commit can be seen, by the time of one flush, so it is followed by a few looks.
 * Events may be lost and some file systems have none; a slow tick covers for them.
 */
import { watch, type FSWatcher } from 'node:fs'
import { basename, dirname } from 'node:path'

export const commitWatchLimits = {
  /** From one look to the next after an event: a flush takes from under 1 ms to some 10 ms. */
  looksAfterMs: [1, 3, 8, 20],
  tickEveryMs: 200,
} as const

export class CommitWatch {
  readonly #look: () => void
  readonly #tick: NodeJS.Timeout
  readonly #files: FSWatcher | undefined
  #next: NodeJS.Timeout | undefined
  #looks = 0

  /** `look` is called whenever something may have changed, and on every tick. */
  constructor(path: string, look: () => void) {
    this.#look = look
    this.#tick = setInterval(look, commitWatchLimits.tickEveryMs)
    this.#tick.unref()
    this.#files = watchFolder(path, () => this.#onWrite())
  }

  close(): void {
    this.#files?.close()
    clearInterval(this.#tick)
    clearTimeout(this.#next)
  }

  #onWrite(): void {
    this.#looks = 0
    if (this.#next === undefined) this.#lookLater()
  }

  #lookLater(): void {
    const delay = commitWatchLimits.looksAfterMs[this.#looks++]
    this.#next = delay === undefined ? undefined : setTimeout(() => this.#onTime(), delay).unref()
  }

  #onTime(): void {
    this.#look()
    this.#lookLater()
  }
}

/** The folder is watched, not the log: SQLite removes the log and makes it anew. */
function watchFolder(path: string, onWrite: () => void): FSWatcher | undefined {
  const log = `${basename(path)}-wal`
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_, name) => {
      if (name === log) onWrite()
    })
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined
  }
}
