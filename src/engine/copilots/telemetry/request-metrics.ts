/** Metrics of requests by the semantic conventions, kept and exported by the SDK. */
import type { Histogram } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import {
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import type { Measurement } from '../../http/telemetry/span-record.ts'
import { measurementAttributes, type Scope } from './readable-span.ts'

export interface RequestMetricsOptions {
  readonly exporter: PushMetricExporter
  readonly resource: Resource
  readonly scope: Scope
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Records that were lost so far. */
  readonly lost: () => number
}

/** In seconds, as the conventions advise. */
const durationBoundaries = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]

export class RequestMetrics {
  readonly #provider: MeterProvider
  readonly #duration: Histogram
  readonly #received: Histogram
  readonly #sent: Histogram

  constructor(options: RequestMetricsOptions) {
    const { exporter, resource, scope, intervalMs, timeoutMs, lost } = options
    const reader = new PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis: intervalMs,
      exportTimeoutMillis: Math.min(timeoutMs, intervalMs),
    })
    this.#provider = new MeterProvider({ resource, readers: [reader] })
    const meter = this.#provider.getMeter(scope.name, scope.version)
    this.#duration = meter.createHistogram('http.server.request.duration', {
      description: 'Duration of HTTP server requests.',
      unit: 's',
      advice: { explicitBucketBoundaries: durationBoundaries },
    })
    this.#received = meter.createHistogram('http.server.request.body.size', {
      description: 'Size of HTTP server request bodies.',
      unit: 'By',
    })
    this.#sent = meter.createHistogram('http.server.response.body.size', {
      description: 'Size of HTTP server response bodies.',
      unit: 'By',
    })
    meter
      .createObservableCounter('trijet.telemetry.records.lost', {
        description: 'Records of requests that found no room.',
        unit: '{record}',
      })
      .addCallback((result) => result.observe(lost()))
  }

  record(measured: Measurement): void {
    const attributes = measurementAttributes(measured)
    if (measured.server !== '') attributes['server.address'] = measured.server
    this.#duration.record(measured.durationMs / 1000, attributes)
    this.#received.record(measured.receivedBytes, attributes)
    this.#sent.record(measured.sentBytes, attributes)
  }

  /** Exports what was counted since, for the last time. */
  close(): Promise<void> {
    return this.#provider.shutdown()
  }
}
