/**
 * Metrics in the text format of Prometheus (version 0.0.4).
 *
 * ```text
 *   exposition = *( "# HELP" SP name SP text LF "# TYPE" SP name SP type LF *sample )
 *   sample     = name [ "{" label *( "," label ) "}" ] SP number LF
 *   label      = name "=" DQUOTE value DQUOTE          value: \\ \" \n are escaped
 * ```
 *
 * The samples of one metric stand together, each set of labels once. What is measured is gone through once
 * for every metric, and written thing by thing: of ten thousand groups there are hundreds of megabytes.
 */
import { latencyBoundsMs, type Latencies } from '../../core/latency-histogram.ts'

export type MetricType = 'counter' | 'gauge' | 'histogram'

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** One metric of the things of a kind. */
export interface Metric<Thing> {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  /** Adds the samples of one thing. */
  readonly measure: (samples: Samples, thing: Thing) => void
}

/** What is measured, with labels as `labelText` writes them. */
export interface Labelled<Thing> {
  readonly labels: string
  readonly of: Thing
}

/** The text of metrics, a bit at a time; a metric without samples is left out. */
export function* exposition<Thing>(
  metrics: Iterable<Metric<Thing>>,
  things: Iterable<Thing>,
): Generator<string, void, undefined> {
  for (const { name, type, help, measure } of metrics) {
    const samples = new Samples(name)
    const text = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
    let head = `# HELP ${name} ${text}\n# TYPE ${name} ${type}\n`
    for (const thing of things) {
      measure(samples, thing)
      if (samples.isEmpty) continue
      yield head + samples.take()
      head = ''
    }
  }
}

/** `host="a",code="2xx"` */
export function labelText(labels: Readonly<Record<string, string | number>>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}="${escape(String(value))}"`)
    .join(',')
}

export class Samples {
  readonly #name: string
  #text = ''

  constructor(name: string) {
    this.#name = name
  }

  get isEmpty(): boolean {
    return this.#text === ''
  }

  /** What was added since the last time. */
  take(): string {
    const text = this.#text
    this.#text = ''
    return text
  }

  add(labels: string, value: number): void {
    this.#text += `${this.#name}${braced(labels)} ${number(value)}\n`
  }

  /** A histogram of seconds; a bound for every doubling. */
  addLatencies(labels: string, { counts, sumMs }: Latencies): void {
    const cumulative: number[] = []
    let count = 0
    for (let i = 0; i < counts.length; i += 1) {
      count += counts[i]!
      if (i % boundEvery === 0) cumulative.push(count)
    }
    this.addHistogram(labels, { bounds: shownBounds, counts: cumulative, count, sum: sumMs / 1000 })
  }

  /** `bounds` in seconds, with cumulative counts; that of all is added. */
  addHistogram(
    labels: string,
    {
      bounds,
      counts,
      count,
      sum,
    }: {
      readonly bounds: readonly number[]
      readonly counts: readonly number[]
      readonly count: number
      readonly sum: number
    },
  ): void {
    const bucket = `${this.#name}_bucket{${labels}${labels === '' ? '' : ','}le="`
    let text = ''
    for (let i = 0; i < bounds.length; i += 1) text += `${bucket}${bounds[i]}"} ${counts[i] ?? 0}\n`
    const all = braced(labels)
    this.#text += `${text}${bucket}+Inf"} ${count}\n${this.#name}_sum${all} ${sum}\n${this.#name}_count${all} ${count}\n`
  }
}

/** Histograms have four buckets for each doubling; one is enough for whoever collects them. */
const boundEvery = 4

const shownBounds: readonly number[] = latencyBoundsMs
  .filter((_, i) => i % boundEvery === 0)
  .map((ms) => ms / 1000)

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function number(value: number): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  return String(value)
}
