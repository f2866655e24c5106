/**
 * Metrics as Prometheus takes them in protobuf: the messages of `io.prometheus.client` (client_model,
 * metrics.proto), each with its length before it.
 *
 * ```text
 *   exposition   = *( length MetricFamily )
 *   MetricFamily   1 name · 2 help · 3 type (0 counter, 1 gauge, 4 histogram) · 4 metric, repeated
 *   Metric         1 label, repeated: 1 name · 2 value
 *                  2 gauge: 1 value · 3 counter: 1 value · 7 histogram
 *   Histogram      1 sample_count · 2 sample_sum · 3 bucket, repeated: 1 cumulative_count · 2 upper_bound
 *                  5 schema · 6 zero_threshold · 7 zero_count · 12 positive_span: 1 offset · 2 length
 *                  13 positive_delta, packed
 * ```
 *
 * Histograms are native ones beside those with bounds: their buckets are all that there are, and empty ones
 * take no room.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { countLatencies, latencyBoundsMs, latencyExponent } from '../../core/latency-histogram.ts'
import type { Part } from '../piecewise-response.ts'
import { bucketsOf } from './buckets.ts'
import type { Labels } from './labels.ts'
import type { Family, Histogram, Measured, MetricType, Samples } from './metric.ts'

const typeNumbers: Readonly<Record<MetricType, number>> = { counter: 0, gauge: 1, histogram: 4 }

/** Buckets end at powers of 2 to the power of 2^−schema. */
const schema = 2

const zeroThreshold = latencyBoundsMs[0]! / 1000

/** The messages, whole families at a time; one without samples is left out. */
export function* protobufParts(measured: Measured): Generator<Part, void, undefined> {
  for (const family of measured) {
    if (family === undefined) yield undefined
    else yield* familyParts(family)
  }
}

/** Nothing until its end: the length stands before it. */
function* familyParts(family: Family): Generator<Part, void, undefined> {
  const { name, type, help } = family
  const writer = new BinaryWriter()
  writer.tag(1, WireType.LengthDelimited).string(name)
  writer.tag(2, WireType.LengthDelimited).string(help)
  writer.tag(3, WireType.Varint).int32(typeNumbers[type])
  const samples = new MessageSamples(writer, type)
  for (const _ of family.measure(samples)) yield undefined
  const message = writer.finish()
  if (samples.isEmpty) return
  yield new BinaryWriter().uint32(message.length).finish()
  yield message
}

class MessageSamples implements Samples {
  readonly #writer: BinaryWriter
  readonly #field: number
  #isEmpty = true

  constructor(writer: BinaryWriter, type: MetricType) {
    this.#writer = writer
    this.#field = type === 'gauge' ? 2 : 3
  }

  get isEmpty(): boolean {
    return this.#isEmpty
  }

  add(value: number, ...labels: readonly Labels[]): void {
    const writer = this.#begin(labels)
    writer.tag(this.#field, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.Bit64).double(value)
    writer.join().join()
  }

  addHistogram(histogram: Histogram, ...labels: readonly Labels[]): void {
    const writer = this.#begin(labels)
    writer.tag(7, WireType.LengthDelimited).fork()
    const { counts, sumMs } = histogram.latencies
    writer.tag(1, WireType.Varint).uint64(countLatencies(histogram.latencies))
    writer.tag(2, WireType.Bit64).double(sumMs / 1000)
    writeBounds(writer, histogram)
    writer.tag(5, WireType.Varint).sint32(schema)
    writer.tag(6, WireType.Bit64).double(zeroThreshold)
    writer.tag(7, WireType.Varint).uint64(counts[0]!)
    writeNative(writer, counts)
    writer.join().join()
  }

  #begin(labels: readonly Labels[]): BinaryWriter {
    this.#isEmpty = false
    this.#writer.tag(4, WireType.LengthDelimited).fork()
    for (const each of labels) this.#writer.raw(each.bytes(writeLabels))
    return this.#writer
  }
}

function writeLabels({ pairs }: Labels): Uint8Array {
  const writer = new BinaryWriter()
  for (const [name, value] of pairs) {
    writer.tag(1, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string(name)
    writer.tag(2, WireType.LengthDelimited).string(value)
    writer.join()
  }
  return writer.finish()
}

function writeBounds(writer: BinaryWriter, histogram: Histogram): void {
  const { bounds, counts } = bucketsOf(histogram)
  for (const [i, bound] of bounds.entries()) {
    writer.tag(3, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.Varint).uint64(counts[i] ?? 0)
    writer.tag(2, WireType.Bit64).double(bound)
    writer.join()
  }
}

/**
 * Buckets that are not empty, in spans of neighbours: how far from the end of the span before, how many,
 * and by how much each differs from the one before it. What is longer than all bounds goes into the bucket behind them.
 */
function writeNative(writer: BinaryWriter, counts: readonly number[]): void {
  const deltas: number[] = []
  let before = 0
  let end = 0
  for (let i = 1; i < counts.length; i += 1) {
    if (counts[i] === 0) continue
    const first = i
    while (i < counts.length && counts[i]! > 0) {
      deltas.push(counts[i]! - before)
      before = counts[i]!
      i += 1
    }
    writer.tag(12, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.Varint).sint32(latencyExponent(first) - end)
    writer.tag(2, WireType.Varint).uint32(i - first)
    writer.join()
    end = latencyExponent(i)
  }
  if (deltas.length === 0) return
  writer.tag(13, WireType.LengthDelimited).fork()
  for (const delta of deltas) writer.sint64(delta)
  writer.join()
}
