/** The forms in which Prometheus takes metrics, and which of them is asked for. */
import { PiecewiseResponse } from '../piecewise-response.ts'
import { textParts, textType } from './exposition-text.ts'
import type { Measured } from './metric.ts'

const protobufType =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited'

/**
 * Metrics in the form that is wanted more: protobuf, whose histograms are native ones, or text.
 * `accept` is that header of the request.
 */
export async function exposition(measured: Measured, accept: string | null): Promise<Response> {
  const headers = { 'cache-control': 'no-store', vary: 'accept' }
  if (!wantsProtobuf(accept ?? '')) {
    return new PiecewiseResponse(textParts(measured), { ...headers, 'content-type': textType })
  }
  const { protobufParts } = await import('./exposition-protobuf.ts')
  return new PiecewiseResponse(protobufParts(measured), {
    ...headers,
    'content-type': protobufType,
  })
}

function wantsProtobuf(accept: string): boolean {
  let [text, protobuf] = [0, 0]
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((each) => each.trim())
    const values = new Map(parameters.map((each) => each.split(/\s*=\s*/, 2) as [string, string]))
    const weight = Number(values.get('q') ?? 1)
    if (isMetricFamilies(type, values)) protobuf = Math.max(protobuf, weight)
    if (textRanges.includes(type)) text = Math.max(text, weight)
  }
  return protobuf > 0 && protobuf >= text
}

const textRanges: readonly string[] = ['text/plain', 'text/*', '*/*']

function isMetricFamilies(type: string, parameters: ReadonlyMap<string, string>): boolean {
  return (
    type === 'application/vnd.google.protobuf' &&
    parameters.get('proto') === 'io.prometheus.client.metricfamily' &&
    parameters.get('encoding') === 'delimited'
  )
}
