/**
 * Reads, in pieces that no client notices, what the first change would have to read: the index of the
 * servers that stand in the files. With 10,000 of them a worker would else serve nobody for 0.1 s.
 */
import type { DynamicState } from '../control/dynamic-state.ts'
import { processLimits } from './limits.ts'

export class ReadAhead {
  #timer: NodeJS.Timeout | undefined

  /** Begins with a state, in place of the one before. */
  begin(state: DynamicState): void {
    this.stop()
    const { readAheadServers, readAheadPauseMs } = processLimits
    this.#timer = setInterval(() => {
      if (state.readAhead(readAheadServers)) this.stop()
    }, readAheadPauseMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
