import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type MessageType, readMessage } from '../../../../test/support/protobuf.ts'
import { latencyBoundsMs, LatencyHistogram } from '../../core/latency-histogram.ts'
import { exposition } from './exposition.ts'
import { Labels } from './labels.ts'
import { familiesOf, type Histogram } from './metric.ts'

const protobuf =
  'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'

function histogramOf(timesMs: readonly number[]): Histogram {
  const histogram = new LatencyHistogram()
  for (const ms of timesMs) histogram.record(ms)
  return { latencies: histogram.read() }
}

function measured(things: readonly Histogram[]): ReturnType<typeof familiesOf> {
  const labels = new Labels({ host: 'a' })
  return familiesOf(
    [
      {
        name: 'times_seconds',
        type: 'histogram',
        help: 'The times.',
        measure: (samples, thing) => samples.addHistogram(thing, labels),
      },
    ],
    things,
  )
}

describe('the form of metrics', () => {
  const cases: readonly [accept: string | null, type: RegExp][] = [
    [null, /^text\/plain; version=0\.0\.4/],
    ['*/*', /^text\/plain/],
    ['text/html,application/xhtml+xml,*/*;q=0.8', /^text\/plain/],
    ['application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5', /^text\/plain/],
    [protobuf, /^application\/vnd\.google\.protobuf/],
    // What Prometheus sends with native histograms.
    [`${protobuf},text/plain;version=0.0.4;q=0.5,*/*;q=0.1`, /^application\/vnd\.google\.protobuf/],
    [`${protobuf};q=0.3,text/plain;version=0.0.4;q=0.5`, /^text\/plain/],
    [`${protobuf};q=0`, /^text\/plain/],
    [protobuf.replace('delimited', 'text'), /^text\/plain/],
    [protobuf.replace('MetricFamily', 'Other'), /^text\/plain/],
    [protobuf.replaceAll(';', ' ; ').toUpperCase(), /^application\/vnd\.google\.protobuf/],
  ]
  for (const [accept, type] of cases) {
    it(`for ${accept}`, async () => {
      const { headers } = await exposition(measured([]), accept)
      assert.match(headers.get('content-type')!, type)
      assert.equal(headers.get('vary'), 'accept')
    })
  }
})

const familyType: MessageType = {
  1: { name: 'name', type: 'string' },
  3: { name: 'type', type: 'int' },
  4: { name: 'metric', type: () => metricType, repeated: true },
}

const metricType: MessageType = { 7: { name: 'histogram', type: () => histogramType } }

const histogramType: MessageType = {
  1: { name: 'count', type: 'int' },
  2: { name: 'sum', type: 'double' },
  3: { name: 'bucket', type: () => bucketType, repeated: true },
  5: { name: 'schema', type: 'int' },
  6: { name: 'zeroThreshold', type: 'double' },
  7: { name: 'zeroCount', type: 'int' },
  12: { name: 'span', type: () => spanType, repeated: true },
  13: { name: 'deltas', type: 'hex' },
}

const bucketType: MessageType = {
  1: { name: 'count', type: 'int' },
  2: { name: 'bound', type: 'double' },
}

const spanType: MessageType = {
  1: { name: 'offset', type: 'int' },
  2: { name: 'length', type: 'int' },
}

interface HistogramMessage {
  readonly count: number
  readonly schema: number
  readonly zeroThreshold: number
  readonly zeroCount: number
  readonly bucket: readonly { readonly count: number; readonly bound: number }[]
  readonly span?: readonly { readonly offset: number; readonly length: number }[]
  readonly deltas?: string
}

/** The one histogram of an exposition, by a reader that knows nothing of what writes it. */
async function written(timesMs: readonly number[]): Promise<HistogramMessage> {
  const answer = await exposition(measured([histogramOf(timesMs)]), protobuf)
  const bytes = Buffer.from(await answer.arrayBuffer())
  const [length, at] = varintAt(bytes, 0)
  assert.equal(at + length, bytes.length)
  const family = readMessage(bytes.subarray(at), familyType)
  assert.equal(family['name'], 'times_seconds')
  assert.equal(Number(family['type']), 4)
  const [metric] = family['metric'] as readonly { readonly histogram: HistogramMessage }[]
  return metric!.histogram
}

function varintAt(bytes: Buffer, from: number): readonly [value: number, next: number] {
  let value = 0
  let at = from
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++]!
    value += (byte & 127) * scale
    if (byte < 128) return [value, at]
  }
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

/** Counts by the power of ∜2 seconds that a bucket ends at. */
function nativeBuckets({ span = [], deltas = '' }: HistogramMessage): Map<number, number> {
  const bytes = Buffer.from(deltas, 'hex')
  const buckets = new Map<number, number>()
  let [index, count, at] = [0, 0, 0]
  for (const { offset, length } of span) {
    index += unzigzag(offset ?? 0)
    for (let i = 0; i < length; i += 1) {
      const [delta, next] = varintAt(bytes, at)
      count += unzigzag(delta)
      buckets.set(index, count)
      index += 1
      at = next
    }
  }
  assert.equal(at, bytes.length)
  return buckets
}

describe('native histograms', () => {
  it('have what was recorded, in the buckets of their schema', async () => {
    const timesMs = [0.001, 0.02, 0.021, 3, 3, 3.6, 3.9, 500, 501, 501, 900_000]
    const message = await written(timesMs)
    assert.equal(message.count, timesMs.length)
    assert.equal(unzigzag(message.schema), 2)
    assert.equal(message.zeroThreshold, 2 ** -16)
    assert.equal(message.zeroCount, 1)
    const wanted = new Map<number, number>()
    for (const ms of timesMs.slice(1)) {
      const index = Math.min(Math.ceil(Math.log2(ms / 1000) * 4), 29)
      wanted.set(index, (wanted.get(index) ?? 0) + 1)
    }
    assert.deepEqual(nativeBuckets(message), wanted)
  })

  it('have no buckets while there is nothing in them, and bounds all the same', async () => {
    const message = await written([])
    assert.deepEqual(nativeBuckets(message), new Map())
    assert.equal(message.bucket.length, 24)
    const last = message.bucket.at(-1)!
    assert.deepEqual([last.count, last.bound], [0, latencyBoundsMs.at(-2)! / 1000])
  })
})
