/**
 * From the rings of the workers to the collector.
 *
 * ```text
 *   ring of worker 0 ─┐           ┌─▶ span queue ──▶ OTLP exporter ─┐
 *   ring of worker 1 ─┼─▶ decode ─┤                                 ├─▶ collector
 *   …                 ┘           └─▶ metrics ─────▶ OTLP exporter ─┘
 * ```
 */
import type { Resource } from '@opentelemetry/resources'
import type { Log } from '../../core/log.ts'
import type { RecordRing } from '../../core/record-ring.ts'
import type { RecordRings } from '../../core/record-rings.ts'
import { decodeAttempt, isAttempt } from '../../http/telemetry/attempt-record.ts'
import type { TelemetrySettings } from '../../http/telemetry/settings-file.ts'
import { decodeRecord } from '../../http/telemetry/span-record.ts'
import { product } from '../../process/product.ts'
import { toAttemptSpan } from './attempt-span.ts'
import { createMetricExporter, createResource, createSpanExporter } from './exporters.ts'
import { exportLimits } from './limits.ts'
import { type About, type Scope, toReadableSpan } from './readable-span.ts'
import { RequestMetrics } from './request-metrics.ts'
import { SpanQueue } from './span-queue.ts'

const scope: Scope = { name: product.name, version: product.version }

interface PipelineParts {
  readonly rings: RecordRings
  readonly log: Log
  readonly resource: Resource
  readonly queue: SpanQueue
  readonly createMetrics: (lost: () => number) => RequestMetrics | undefined
}

export class Pipeline {
  readonly #rings: RecordRings
  readonly #log: Log
  readonly #about: About
  readonly #queue: SpanQueue
  readonly #metrics: RequestMetrics | undefined
  /** What each ring had lost when it was last looked at. */
  readonly #lostBefore = new Map<RecordRing, number>()
  readonly #timer: NodeJS.Timeout
  #turn = 0
  #lost = 0
  #lostSaid = 0
  #lostSaidAt = -Infinity

  private constructor({ rings, log, resource, queue, createMetrics }: PipelineParts) {
    this.#rings = rings
    this.#log = log
    this.#about = { resource, scope }
    this.#queue = queue
    this.#metrics = createMetrics(() => this.#lost)
    this.#timer = setInterval(() => this.#poll(), exportLimits.pollMs)
  }

  static async start(
    settings: TelemetrySettings,
    { rings, log }: { readonly rings: RecordRings; readonly log: Log },
  ): Promise<Pipeline> {
    const { exporter: collector, batch, metricsIntervalMs: intervalMs } = settings
    const resource = createResource(settings)
    const queue = new SpanQueue({ exporter: await createSpanExporter(collector), batch, log })
    const exporter = intervalMs === undefined ? undefined : await createMetricExporter(collector)
    const createMetrics = (lost: () => number): RequestMetrics | undefined =>
      exporter === undefined || intervalMs === undefined
        ? undefined
        : new RequestMetrics({
            exporter,
            resource,
            scope,
            intervalMs,
            timeoutMs: collector.timeoutMs,
            lost,
          })
    return new Pipeline({ rings, log, resource, queue, createMetrics })
  }

  /** Exports all that was recorded until now, as far as the collector takes it in time. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, exportLimits.flushMs)
    await Promise.race([this.#drain(), late.promise])
    clearTimeout(timer)
    const left = this.#queue.waiting + this.#waitingBytes()
    if (left > 0)
      this.#log.write('error', 'telemetry: the collector did not take all spans in time')
  }

  async #drain(): Promise<void> {
    this.#poll()
    while (this.#waitingBytes() > 0 && this.#queue.room > 0) {
      await this.#queue.flush()
      this.#poll()
    }
    await Promise.all([this.#queue.close(), this.#metrics?.close()])
  }

  #waitingBytes(): number {
    let bytes = 0
    for (const ring of this.#rings.claimed()) bytes += ring.waiting
    return bytes
  }

  /** Every worker has its turn to be the first: the queue may be full before the last. */
  #poll(): void {
    const rings = [...this.#rings.claimed()]
    this.#turn += 1
    for (const i of rings.keys()) {
      const ring = rings[(this.#turn + i) % rings.length]!
      this.#noteLoss(ring)
      ring.read(this.#queue.room, (bytes, start, end) => this.#take(bytes, start, end))
    }
    this.#tellLoss()
  }

  #take(bytes: Buffer, start: number, end: number): void {
    if (isAttempt(bytes, start)) {
      this.#queue.push(toAttemptSpan(decodeAttempt(bytes, start), this.#about))
      return
    }
    const { span, ...measured } = decodeRecord(bytes, start, end)
    this.#metrics?.record(measured)
    if (span !== undefined) this.#queue.push(toReadableSpan(measured, span, this.#about))
  }

  /** What was lost before this copilot was there is no news. */
  #noteLoss(ring: RecordRing): void {
    const { lost } = ring
    const before = this.#lostBefore.get(ring) ?? lost
    this.#lostBefore.set(ring, lost)
    this.#lost += (lost - before) >>> 0
  }

  #tellLoss(): void {
    const now = performance.now()
    const news = this.#lost - this.#lostSaid
    if (news === 0 || now - this.#lostSaidAt < exportLimits.lossNoticeMs) return
    this.#log.write('warn', `telemetry: ${news} records of requests found no room and are lost`)
    this.#lostSaid = this.#lost
    this.#lostSaidAt = now
  }
}
