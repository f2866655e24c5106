/**
 * Metrics in the text format of Prometheus (version 0.0.4).
 *
 * ```text
 *   exposition = *( "# HELP" SP name SP text LF "# TYPE" SP name SP type LF *sample )
 *   sample     = name [ "{" label *( "," label ) "}" ] SP number LF
 *   label      = name "=" DQUOTE value DQUOTE          value: \\ \" \n are escaped
 * ```
 */
import { countLatencies } from '../../core/latency-histogram.ts'
import type { Part } from '../piecewise-response.ts'
import { bucketsOf } from './buckets.ts'
import type { Labels } from './labels.ts'
import type { Histogram, Measured, Samples } from './metric.ts'

export const textType = 'text/plain; version=0.0.4; charset=utf-8'

/** The text, thing by thing; a metric without samples is left out. */
export function* textParts(measured: Measured): Generator<Part, void, undefined> {
  for (const family of measured) {
    if (family === undefined) {
      yield undefined
      continue
    }
    const { name, type, help } = family
    const samples = new TextSamples(name)
    const text = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
    let head = `# HELP ${name} ${text}\n# TYPE ${name} ${type}\n`
    for (const _ of family.measure(samples)) {
      const lines = samples.take()
      if (lines === '') {
        yield undefined
        continue
      }
      yield head + lines
      head = ''
    }
  }
}

class TextSamples implements Samples {
  readonly #name: string
  #text = ''

  constructor(name: string) {
    this.#name = name
  }

  /** What was added since the last time. */
  take(): string {
    const text = this.#text
    this.#text = ''
    return text
  }

  add(value: number, ...labels: readonly Labels[]): void {
    this.#text += `${this.#name}${braced(textOf(labels))} ${number(value)}\n`
  }

  addHistogram(histogram: Histogram, ...labels: readonly Labels[]): void {
    const { bounds, counts } = bucketsOf(histogram)
    const { latencies } = histogram
    const all = textOf(labels)
    const bucket = `${this.#name}_bucket{${all}${all === '' ? '' : ','}le="`
    let text = ''
    for (let i = 0; i < bounds.length; i += 1) text += `${bucket}${bounds[i]}"} ${counts[i] ?? 0}\n`
    const count = countLatencies(latencies)
    text += `${bucket}+Inf"} ${count}\n`
    text += `${this.#name}_sum${braced(all)} ${latencies.sumMs / 1000}\n`
    this.#text += `${text}${this.#name}_count${braced(all)} ${count}\n`
  }
}

function textOf(labels: readonly Labels[]): string {
  let all = ''
  for (const { text } of labels) all += all === '' || text === '' ? text : `,${text}`
  return all
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

function number(value: number): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  return String(value)
}
