/**
 * What a request leaves for the collector, as bytes of a ring; those of `record-bytes.ts`.
 *
 * ```text
 *   record     = kind u8 · status u16 · start f64 · duration f64 · sent f64 · received f64
 *                method text · scheme text · version text · route text · server text
 *                [ trace 16 bytes · span 8 · parent 8 · dropped u16 · name text · *attribute ]
 *   attribute  = type u8 · key · ( text | f64 )             up to the end of the record
 *   key        = number u8 of a known one | 0 · text
 * ```
 *
 * A request that is only measured ends before the bracket.
 */
import { telemetryLimits } from './limits.ts'
import { RecordBytes, RecordReader } from './record-bytes.ts'
import { recordKinds } from './record-kinds.ts'
import type { RequestSpan } from './request-span.ts'

const types = { text: 0, number: 1, listed: 2 } as const

/** Attributes that most spans have: a number stands for the name. */
const knownKeys = [
  '',
  'http.request.method_original',
  'url.path',
  'url.query',
  'user_agent.original',
  'server.address',
  'server.port',
  'client.address',
  'network.peer.address',
  'network.peer.port',
] as const

/** Numbers of those attributes, by what they are about. */
export const attributeKeys = {
  methodOriginal: 1,
  path: 2,
  query: 3,
  userAgent: 4,
  serverAddress: 5,
  serverPort: 6,
  clientAddress: 7,
  peerAddress: 8,
  peerPort: 9,
} as const

/** A known attribute, or the name of another. */
export type AttributeKey = number | string

/** What every record has. */
export interface Measurement {
  status: number
  /** Milliseconds, wall clock. */
  startMs: number
  durationMs: number
  /** Bytes of the bodies: to the client, and from it. */
  sentBytes: number
  receivedBytes: number
  method: string
  scheme: string
  /** `1.1` */
  version: string
  /** The location as it is written; empty where there is none. */
  route: string
  /** Name of the virtual server. */
  server: string
}

export type AttributeValue = string | number | readonly string[]

export interface SpanRecord extends Measurement {
  /** `undefined` for a request that was measured only. */
  readonly span: DecodedSpan | undefined
}

export interface DecodedSpan {
  /** Identifiers in hexadecimal digits. */
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  readonly attributes: Readonly<Record<string, AttributeValue>>
  readonly droppedAttributes: number
}

const lengthBytes = 2
/** UTF-8 takes at most this many bytes for one unit of a string. */
const bytesPerUnitMax = 3

/** Writes one record after the other. */
export class RecordWriter {
  #to = new RecordBytes()
  /** Where their number stands; 0 for a request that is only measured. */
  #droppedAt = 0
  #dropped = 0

  begin(to: RecordBytes, recorded: boolean): void {
    this.#to = to
    this.#droppedAt = 0
    to.byte(recorded ? recordKinds.span : recordKinds.measured)
  }

  measurement(measured: Measurement): void {
    const to = this.#to
    to.number16(measured.status)
    to.double(measured.startMs)
    to.double(measured.durationMs)
    to.double(measured.sentBytes)
    to.double(measured.receivedBytes)
    to.text(measured.method, telemetryLimits.nameBytesMax)
    to.text(measured.scheme, telemetryLimits.nameBytesMax)
    to.text(measured.version, telemetryLimits.nameBytesMax)
    to.text(measured.route, telemetryLimits.nameBytesMax)
    to.text(measured.server, telemetryLimits.nameBytesMax)
  }

  identity(span: RequestSpan): void {
    const to = this.#to
    to.word(span.trace0)
    to.word(span.trace1)
    to.word(span.trace2)
    to.word(span.trace3)
    to.word(span.span0)
    to.word(span.span1)
    to.word(span.parent0)
    to.word(span.parent1)
    this.#droppedAt = to.at
    this.#dropped = 0
    to.at += 2
  }

  /** Name of the span: two words with a blank between them, or the first alone. */
  name(first: string, second = ''): void {
    const to = this.#to
    const start = to.at
    to.text(first, telemetryLimits.nameBytesMax)
    if (second === '') return
    const { at } = to
    to.text(second, telemetryLimits.nameBytesMax)
    to.bytes[at] = 0x20
    to.bytes.copyWithin(at + 1, at + lengthBytes, to.at)
    to.at -= 1
    to.bytes.writeUInt16LE(to.at - start - lengthBytes, start)
  }

  text(key: AttributeKey, value: string): void {
    if (!this.#attribute(types.text, key, value.length * bytesPerUnitMax)) return
    this.#to.text(value, telemetryLimits.textBytesMax)
  }

  /** One of several values of a key. */
  listed(key: AttributeKey, value: string): void {
    if (!this.#attribute(types.listed, key, value.length * bytesPerUnitMax)) return
    this.#to.text(value, telemetryLimits.textBytesMax)
  }

  number(key: AttributeKey, value: number): void {
    if (this.#attribute(types.number, key, 8)) this.#to.double(value)
  }

  /** Bytes as they stand in a message. */
  range(key: AttributeKey, from: Buffer, start: number, end: number): void {
    if (this.#attribute(types.text, key, end - start)) this.#to.range(from, start, end)
  }

  finish(): void {
    if (this.#droppedAt === 0) return
    this.#to.bytes.writeUInt16LE(Math.min(this.#dropped, 0xffff), this.#droppedAt)
  }

  /** False where there is no room for the attribute, which is counted then. */
  #attribute(type: number, key: AttributeKey, valueBytes: number): boolean {
    const to = this.#to
    const value = Math.min(valueBytes, telemetryLimits.textBytesMax) + lengthBytes
    const needed = 2 + lengthBytes + telemetryLimits.nameBytesMax + value
    if (to.end - to.at < needed) {
      this.#dropped += 1
      return false
    }
    to.byte(type)
    if (typeof key === 'number') to.byte(key)
    else {
      to.byte(0)
      to.text(key, telemetryLimits.nameBytesMax)
    }
    return true
  }
}

/** Reads a record back; for whoever exports it. */
export function decodeRecord(bytes: Buffer, start: number, end: number): SpanRecord {
  const reader = new RecordReader(bytes, start)
  const kind = reader.byte()
  const measured: Measurement = {
    status: reader.number16(),
    startMs: reader.double(),
    durationMs: reader.double(),
    sentBytes: reader.double(),
    receivedBytes: reader.double(),
    method: reader.text(),
    scheme: reader.text(),
    version: reader.text(),
    route: reader.text(),
    server: reader.text(),
  }
  return { ...measured, span: kind === recordKinds.span ? decodeSpan(reader, end) : undefined }
}

function decodeSpan(reader: RecordReader, end: number): DecodedSpan {
  const traceId = reader.hex(16)
  const spanId = reader.hex(8)
  const parentId = reader.hex(8)
  const droppedAttributes = reader.number16()
  const name = reader.text()
  const attributes: Record<string, AttributeValue> = {}
  while (reader.at < end) {
    const type = reader.byte()
    const key = knownKeys[reader.byte()] || reader.text()
    if (type === types.number) attributes[key] = reader.double()
    else if (type === types.text) attributes[key] = reader.text()
    else attributes[key] = [...((attributes[key] ?? []) as readonly string[]), reader.text()]
  }
  const known = /^0+$/.test(parentId) ? undefined : parentId
  return { traceId, spanId, parentId: known, name, attributes, droppedAttributes }
}
