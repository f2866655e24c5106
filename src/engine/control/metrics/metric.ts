/**
 * What is measured, apart from how it is written.
 *
 * ```text
 *   things ─▶ metrics: what one thing says ─▶ families ─▶ exposition-text, exposition-protobuf
 * ```
 *
 * The samples of one metric stand together in every form, so that the things are gone through once for each
 * metric; of ten thousand groups there are hundreds of megabytes.
 */
import type { Latencies } from '../../core/latency-histogram.ts'
import type { Labels } from './labels.ts'

export type MetricType = 'counter' | 'gauge' | 'histogram'

/** One metric of the things of a kind. */
export interface Metric<Thing> {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  /** Adds the samples of one thing. */
  readonly measure: (samples: Samples, thing: Thing) => void
}

/** Takes what is measured of one metric. */
export interface Samples {
  add(value: number, ...labels: readonly Labels[]): void
  addHistogram(histogram: Histogram, ...labels: readonly Labels[]): void
}

/** Times, in the buckets that all have, and in those that were asked for, if there are any. */
export interface Histogram {
  readonly latencies: Latencies
  readonly asked?: Buckets
}

export interface Buckets {
  /** Seconds, upwards, without that of all. */
  readonly bounds: readonly number[]
  /** Cumulative. */
  readonly counts: readonly number[]
}

/** What is measured, and under which labels. */
export interface Labelled<Thing> {
  readonly labels: Labels
  readonly of: Thing
}

/** The samples of one metric, to be taken. */
export interface Family {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  /** Adds what one thing more says at each step. */
  measure(samples: Samples): Generator<void, void, undefined>
}

/** Families to be written; `undefined` where only time has passed. */
export type Measured = Iterable<Family | undefined>

export type Measuring = Generator<Family | undefined, void, undefined>

export function* familiesOf<Thing>(
  metrics: Iterable<Metric<Thing>>,
  things: Iterable<Thing>,
): Measuring {
  for (const { name, type, help, measure } of metrics) {
    yield {
      name,
      type,
      help,
      *measure(samples) {
        for (const thing of things) {
          measure(samples, thing)
          yield
        }
      },
    }
  }
}
