/**
 * Starts a load process on its own core and brings home its result.
 */
import { fileURLToPath } from 'node:url'
import type { Owner } from '../test/support/scope.ts'
import { startProcess, type RunningProcess } from '../test/support/process.ts'
import type { LoadJob, LoadResult } from './load/job.ts'
import { loadCore, onCore } from './cores.ts'

const main = fileURLToPath(new URL('./load/main.ts', import.meta.url))

export class LoadProcess {
  readonly #process: RunningProcess
  readonly #deadlineMs: number

  constructor(process: RunningProcess, deadlineMs: number) {
    this.#process = process
    this.#deadlineMs = deadlineMs
  }

  get pid(): number {
    return this.#process.pid
  }

  /** Resolves when all idle connections stand. */
  async held(): Promise<void> {
    await this.#process.waitForOutput(/^held$/m, { deadlineMs: this.#deadlineMs })
  }

  /** Ends the window now, if it is still open. */
  stop(): void {
    this.#process.endInput()
  }

  async result(): Promise<LoadResult> {
    const options = { deadlineMs: this.#deadlineMs }
    const [line] = await this.#process.waitForOutput(/^\{.*\}$/m, options)
    return JSON.parse(line) as LoadResult
  }
}

/** Time for setting up, above that of warm-up and window. */
const setUpDeadlineMs = 120_000

export async function startLoad(owner: Owner, job: LoadJob): Promise<LoadProcess> {
  const command = onCore(loadCore, [process.execPath, main, JSON.stringify(job)])
  const deadlineMs = job.warmUpMs + job.windowMs + setUpDeadlineMs
  return new LoadProcess(await startProcess(owner, command), deadlineMs)
}
