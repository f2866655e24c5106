/**
 * Traffic in a file: one JSON value on each line, in UTF-8.
 *
 * ```text
 *   {"format":"trijet traffic","version":2,"madeAt":1763845200000,"writer":1065361}
 *   {"table":"servers","group":"","name":"example.com","requests":3,"in":120,"out":900,
 *    "statuses":[0,3,0,0,0],"cache":[0,0,0,0,0,0,0,0],"average":"AMM","periodMs":60000,"bucketsMs":[5,50],
 *    "timings":[{"sumMs":7.5,"latencies":[[12,2],[40,1]],"bucketCounts":[2,3]}]}           a line, for each key
 *   …
 *   {"crc32":3735928559}                                    of all bytes before this line
 * ```
 *
 * `madeAt` is when the engine's zone was made, and `writer` a word for the process that writes
 * (`core/process-identity.ts`): by these an engine sees that the file is another's.
 *
 * `table` is `servers`, `locations`, `filters` or `upstreams`; `statuses` are those from 1xx to 5xx; `cache`
 * is in the order of `cacheStatuses`. `latencies` are the buckets of `core/latency-histogram.ts` that are not
 * empty, with their counts; `bucketCounts` belong to `bucketsMs` and are cumulative. Times of single requests
 * are not kept: averages, which are of the last ones, begin anew.
 *
 * A file whose last line is missing or does not fit was not written to its end, or was changed since. What
 * means something else in another release has another version.
 */
import { crc32 } from 'node:zlib'
import { latencyBuckets } from '../../core/latency-histogram.ts'
import { bucketsMax, dumpHeaderBytesMax, dumpStepBytes } from './limits.ts'
import { cacheStatuses, type Counted, statusClasses, type TrafficStyle } from './traffic-row.ts'
import type { KeyedCounts } from './traffic-table.ts'

const format = 'trijet traffic'
const version = 2
const newline = 10

const tables = ['servers', 'locations', 'filters', 'upstreams'] as const

/** Tables of a zone. Those of filters that are limited in number are one with the others. */
export type DumpTable = (typeof tables)[number]

export interface DumpRecord {
  readonly table: DumpTable
  readonly traffic: KeyedCounts
}

/** Whose the dump is. */
export interface DumpHeader {
  /** Milliseconds of the wall clock. */
  readonly madeAt: number
  readonly writer: number
}

/** Why a file is not read back. */
export class DumpError extends Error {}

/** The lines of a dump. */
export function* encodeDump(
  { madeAt, writer }: DumpHeader,
  records: Iterable<DumpRecord>,
): Generator<string, void, undefined> {
  let sum = 0
  const line = (value: unknown): string => {
    const text = `${JSON.stringify(value)}\n`
    sum = crc32(text, sum)
    return text
  }
  yield line({ format, version, madeAt, writer })
  for (const record of records) yield line(toJson(record))
  yield `${JSON.stringify({ crc32: sum })}\n`
}

function toJson({ table, traffic }: DumpRecord): unknown {
  const { group, name, requests, bytesIn, bytesOut, statuses, cache, style, timings } = traffic
  return {
    table,
    group,
    name,
    requests,
    in: bytesIn,
    out: bytesOut,
    statuses,
    cache,
    ...style,
    timings: timings.map(({ sumMs, latencies, bucketCounts }) => {
      return { sumMs, latencies: filledOf(latencies.counts), bucketCounts }
    }),
  }
}

function filledOf(counts: readonly number[]): readonly (readonly [number, number])[] {
  const filled: (readonly [number, number])[] = []
  for (let i = 0; i < counts.length; i += 1) {
    const count = counts[i]!
    if (count > 0) filled.push([i, count])
  }
  return filled
}

/**
 * The records of a dump, and `undefined` now and then while it is checked. Throws `DumpError`: before the
 * first record where the bytes are not what was written.
 */
export function* decodeDump(bytes: Buffer): Generator<DumpRecord | undefined, void, undefined> {
  const { recordsAt } = decodeHeader(bytes)
  const sumAt = bytes.lastIndexOf(newline, -2) + 1
  const { crc32: wanted } = objectOf(bytes.subarray(sumAt))
  if (bytes.at(-1) !== newline || typeof wanted !== 'number') throw new DumpError('it is cut off')
  let sum = 0
  for (let at = 0; at < sumAt; at += dumpStepBytes) {
    sum = crc32(bytes.subarray(at, Math.min(at + dumpStepBytes, sumAt)), sum)
    yield undefined
  }
  if (sum !== wanted) throw new DumpError('it is damaged')
  for (let at = recordsAt; at < sumAt;) {
    const end = bytes.indexOf(newline, at)
    yield toRecord(objectOf(bytes.subarray(at, end)))
    at = end + 1
  }
}

/** Its header, from the first `dumpHeaderBytesMax` bytes of a dump at least. Throws `DumpError`. */
export function decodeHeader(bytes: Buffer): DumpHeader & { readonly recordsAt: number } {
  const end = bytes.subarray(0, dumpHeaderBytesMax).indexOf(newline)
  const header = objectOf(bytes.subarray(0, Math.max(end, 0)))
  if (header['format'] !== format) throw new DumpError('it is no dump of traffic')
  if (header['version'] !== version) {
    throw new DumpError(`it has version ${String(header['version'])}, and not ${version}`)
  }
  const [madeAt, writer] = [toCount(header['madeAt']), toCount(header['writer'])]
  return { madeAt, writer, recordsAt: end + 1 }
}

type Fields = Readonly<Record<string, unknown>>

/** Without fields where there is no object. */
function objectOf(json: Buffer): Fields {
  try {
    return fieldsOf(JSON.parse(json.toString()))
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

function toRecord(fields: Fields): DumpRecord {
  const table = tables.find((known) => known === fields['table'])
  const { group, name, timings } = fields
  if (table === undefined || typeof group !== 'string' || typeof name !== 'string') throw strange()
  if (!Array.isArray(timings)) throw strange()
  const style = toStyle(fields)
  return {
    table,
    traffic: {
      group,
      name,
      requests: toCount(fields['requests']),
      bytesIn: toCount(fields['in']),
      bytesOut: toCount(fields['out']),
      statuses: toCounts(fields['statuses'], statusClasses),
      cache: toCounts(fields['cache'], cacheStatuses.length),
      style,
      timings: timings.map((timing) => toTiming(fieldsOf(timing), style)),
    },
  }
}

function toStyle({ average, periodMs, bucketsMs }: Fields): TrafficStyle {
  if (average !== 'AMM' && average !== 'WMA') throw strange()
  if (!Array.isArray(bucketsMs) || bucketsMs.length > bucketsMax) throw strange()
  return { average, periodMs: toCount(periodMs), bucketsMs: bucketsMs.map(toCount) }
}

function toTiming(fields: Fields, { bucketsMs }: TrafficStyle): Counted['timings'][number] {
  const counts = Array.from({ length: latencyBuckets }, () => 0)
  const filled = fields['latencies']
  if (!Array.isArray(filled)) throw strange()
  for (const pair of filled) {
    const [bucket, count] = toCounts(pair, 2)
    if (counts[bucket!] === undefined) throw strange()
    counts[bucket!] = count!
  }
  const sumMs = toCount(fields['sumMs'])
  const bucketCounts = toCounts(fields['bucketCounts'], bucketsMs.length)
  return { sumMs, latencies: { counts, sumMs }, bucketCounts }
}

function toCounts(value: unknown, length: number): readonly number[] {
  if (!Array.isArray(value) || value.length !== length) throw strange()
  return value.map(toCount)
}

function toCount(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0)) throw strange()
  return value
}

function strange(): DumpError {
  return new DumpError('it says what no engine writes')
}
