/**
 * Metrics in the text format of Prometheus (version 0.0.4).
 *
 * ```text
 *   exposition = *( "# HELP" SP name SP text LF "# TYPE" SP name SP type LF *sample )
 *   sample     = name [ "{" label *( "," label ) "}" ] SP number LF
 *   label      = name "=" DQUOTE value DQUOTE          value: \\ \" \n are escaped
 * ```
 *
 * The samples of one family stand together, each set of labels once.
 */
import { latencyBoundsMs, type Latencies } from '../../core/latency-histogram.ts'

export type MetricType = 'counter' | 'gauge' | 'histogram'

export type Labels = Readonly<Record<string, string | number>>

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** One metric with all its samples. */
export class Family {
  readonly #name: string
  readonly #lines: string[]
  readonly #head: number

  constructor(name: string, type: MetricType, help: string) {
    this.#name = name
    const text = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
    this.#lines = [`# HELP ${name} ${text}\n`, `# TYPE ${name} ${type}\n`]
    this.#head = this.#lines.length
  }

  add(labels: Labels, value: number): this {
    this.#lines.push(sample(this.#name, labels, value))
    return this
  }

  /** A histogram of seconds; a bound for every doubling. */
  addLatencies(labels: Labels, { counts, sumMs }: Latencies): this {
    const buckets: [number, number][] = []
    let count = 0
    for (const [i, inBucket] of counts.entries()) {
      count += inBucket
      if (i % boundEvery === 0) buckets.push([latencyBoundsMs[i]! / 1000, count])
    }
    return this.addHistogram(labels, { buckets, count, sum: sumMs / 1000 })
  }

  /** `buckets` are upper bounds with cumulative counts; that of all is added. */
  addHistogram(
    labels: Labels,
    {
      buckets,
      count,
      sum,
    }: {
      readonly buckets: readonly (readonly [bound: number, count: number])[]
      readonly count: number
      readonly sum: number
    },
  ): this {
    for (const [bound, counted] of [...buckets, [Infinity, count] as const]) {
      this.#lines.push(sample(`${this.#name}_bucket`, { ...labels, le: number(bound) }, counted))
    }
    this.#lines.push(sample(`${this.#name}_sum`, labels, sum))
    this.#lines.push(sample(`${this.#name}_count`, labels, count))
    return this
  }

  /** Empty without samples. */
  toString(): string {
    return this.#lines.length === this.#head ? '' : this.#lines.join('')
  }
}

/** Histograms have four buckets for each doubling; one is enough for whoever collects them. */
const boundEvery = 4

function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${number(value)}\n`
}

function escape(value: string | number): string {
  return String(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function number(value: number): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  return String(value)
}
