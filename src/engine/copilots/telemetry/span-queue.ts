/**
 * Spans on their way to the collector: a bounded queue, exported batch by batch, one at a time.
 *
 * ```text
 *   push ─▶ queue ──batch full, or old enough──▶ export ──▶ done
 *                                                  │ the collector is away: the same batch again, later
 *                                                  └ it does not want them: dropped, and said
 * ```
 *
 * While the collector is away the queue fills up and nothing more is read from the rings, which count
 * what they lose: memory is bounded, and what was in the queue is exported when it is back.
 */
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import type { Log } from '../../core/log.ts'
import type { BatchSettings } from '../../http/telemetry/settings-file.ts'
import { exportLimits } from './limits.ts'

export interface SpanQueueOptions {
  readonly exporter: SpanExporter
  readonly batch: BatchSettings
  readonly log: Log
}

/** Of the SDK’s `ExportResultCode`. */
const succeeded = 0

interface Result {
  readonly code: number
  readonly error?: Error
}

export class SpanQueue {
  readonly #options: SpanQueueOptions
  readonly #spans: ReadableSpan[] = []
  #timer: NodeJS.Timeout | undefined
  #exporting: Promise<void> | undefined
  #failures = 0
  #closing = false

  constructor(options: SpanQueueOptions) {
    this.#options = options
  }

  /** Spans that there is room for. */
  get room(): number {
    return Math.max(this.#options.batch.queueMax - this.#spans.length, 0)
  }

  get waiting(): number {
    return this.#spans.length
  }

  push(span: ReadableSpan): void {
    this.#spans.push(span)
    const { batchMax, delayMs } = this.#options.batch
    if (this.#spans.length >= batchMax) this.#exportNow()
    else this.#exportIn(delayMs)
  }

  /** Exports what there is; resolves when all is exported, or cannot be for now. */
  async flush(): Promise<void> {
    while (this.#spans.length > 0) {
      const before = this.#failures
      this.#exportNow(true)
      await this.#exporting
      if (this.#failures > before) return
    }
  }

  /** Flushes for the last time. */
  async close(): Promise<void> {
    this.#closing = true
    clearTimeout(this.#timer)
    await this.#exporting
    await this.flush()
    await this.#options.exporter.shutdown()
  }

  #exportIn(ms: number): void {
    if (this.#closing || this.#timer !== undefined || this.#exporting !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#exportNow()
    }, ms)
  }

  /** After an export that failed the next is made when its time has come, unless it is `urgent`. */
  #exportNow(urgent = false): void {
    const waits = this.#failures > 0 && this.#timer !== undefined && !urgent
    if (this.#exporting !== undefined || waits) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#exporting = this.#export().finally(() => this.#afterExport())
  }

  #afterExport(): void {
    this.#exporting = undefined
    if (this.#spans.length === 0) return
    const { batchMax, delayMs } = this.#options.batch
    if (this.#failures > 0) this.#exportIn(retryDelayMs(this.#failures))
    else if (this.#spans.length >= batchMax) this.#exportNow()
    else this.#exportIn(delayMs)
  }

  async #export(): Promise<void> {
    const { batch, log } = this.#options
    const spans = this.#spans.slice(0, batch.batchMax)
    const error = await this.#send(spans)
    const refused = error !== undefined && isRefusal(error)
    if (error === undefined || refused) this.#spans.splice(0, spans.length)
    if (error === undefined) {
      if (this.#failures > 0) log.write('notice', 'telemetry: the collector takes spans again')
      this.#failures = 0
      return
    }
    const what = refused
      ? `${spans.length} spans are refused`
      : `there is room for ${this.room} more`
    if (refused || this.#failures === 0) {
      log.write('error', `telemetry: export of spans failed: ${describe(error)}; ${what}`)
    }
    this.#failures = refused ? 0 : this.#failures + 1
  }

  /** What went wrong, or nothing. */
  async #send(spans: ReadableSpan[]): Promise<Error | undefined> {
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    const onResult = ({ code, error }: Result): void =>
      resolve(code === succeeded ? undefined : (error ?? new Error('nobody knows why')))
    this.#options.exporter.export(spans, onResult)
    return promise
  }
}

/** A status of the collector's; the exporter itself has tried again where that may help (OTLP §failures). */
function isRefusal(error: Error): boolean {
  return 'code' in error && typeof error.code === 'number'
}

function describe(error: Error): string {
  const code = 'code' in error ? error.code : undefined
  const known = typeof code === 'string' || typeof code === 'number'
  return known ? `${code} ${error.message}`.trim() : error.message
}

function retryDelayMs(failures: number): number {
  return Math.min(exportLimits.retryMsMin * 2 ** (failures - 1), exportLimits.retryMsMax)
}
