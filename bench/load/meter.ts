/**
 * Counts what happens within the window of a measurement; what happens before it is warm-up.
 */
import { clockTickMs, readProcess } from '../../test/support/process-tree.ts'
import { Histogram } from './histogram.ts'
import type { LoadJob, LoadResult } from './job.ts'

export class Meter {
  readonly #job: LoadJob
  readonly #latency = new Histogram()
  readonly #beginsAt: number
  readonly #endsAt: number
  #began: { readonly at: number; readonly cpu: number; readonly own: number } | undefined
  #requests = 0
  #bytes = 0
  #errors = 0
  #stopped = false

  constructor(job: LoadJob) {
    this.#job = job
    this.#beginsAt = performance.now() + job.warmUpMs
    this.#endsAt = this.#beginsAt + job.windowMs
  }

  /** One answered request. */
  request(beganAt: number, now: number, bytes: number): void {
    this.#requests++
    this.#bytes += bytes
    this.#latency.addMs(now - beganAt)
  }

  transferred(bytes: number): void {
    this.#bytes += bytes
  }

  error(): void {
    this.#errors++
  }

  stop(): void {
    this.#stopped = true
  }

  /** Opens the window when its time has come; false once it is over. */
  goesOn(now: number): boolean {
    if (this.#began === undefined && now >= this.#beginsAt) this.#begin()
    return now < this.#endsAt && !this.#stopped
  }

  /** Errors of the warm-up count too: a peer that drops connections then is no better. */
  #begin(): void {
    this.#requests = 0
    this.#bytes = 0
    this.#latency.reset()
    this.#began = { at: performance.now(), cpu: this.#cpuSeconds(), own: ownSeconds() }
  }

  result(): LoadResult {
    const cpu = this.#cpuSeconds()
    const began = this.#began ?? { at: this.#beginsAt, cpu, own: ownSeconds() }
    return {
      requests: this.#requests,
      bytes: this.#bytes,
      seconds: (performance.now() - began.at) / 1_000,
      cpuSeconds: cpu - began.cpu,
      loadCpuSeconds: ownSeconds() - began.own,
      errors: this.#errors,
      p50Us: this.#latency.quantileUs(0.5),
      p99Us: this.#latency.quantileUs(0.99),
      maxUs: this.#latency.quantileUs(1),
    }
  }

  #cpuSeconds(): number {
    const ticks = this.#job.pids.map((pid) => readProcess(pid)?.cpuTicks ?? 0)
    return (ticks.reduce((sum, each) => sum + each, 0) * clockTickMs) / 1_000
  }
}

function ownSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
