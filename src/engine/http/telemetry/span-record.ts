/**
 * What a request leaves for the collector, as bytes of a ring.
 *
 * ```text
 *   record     = kind u8 · status u16 · start f64 · duration f64 · sent f64 · received f64
 *                method text · scheme text · version text · route text · server text
 *                [ trace 16 bytes · span 8 · parent 8 · dropped u16 · name text · *attribute ]
 *   attribute  = type u8 · key · ( text | f64 )             up to the end of the record
 *   key        = number u8 of a known one | 0 · text
 *   text       = bytes u16 · UTF-8
 * ```
 *
 * A request that is only measured ends before the bracket. Numbers are little-endian, identifiers as
 * they are written in hexadecimal.
 */
import { copyRange } from '../../core/copy-range.ts'
import { telemetryLimits } from './limits.ts'
import type { RequestSpan } from './request-span.ts'

const kinds = { measured: 1, span: 2 } as const
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

/** Puts one record into a buffer after the other; never writes beyond `end`. */
export class RecordWriter {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  /** Where their number stands; 0 for a request that is only measured. */
  #droppedAt = 0
  #dropped = 0

  /** Begins at `start` of a buffer that has room for `recordBytesMax`. */
  begin(bytes: Buffer, start: number, recorded: boolean): void {
    this.#bytes = bytes
    this.#at = start
    this.#droppedAt = 0
    this.#end = start + telemetryLimits.recordBytesMax
    bytes[this.#at++] = recorded ? kinds.span : kinds.measured
  }

  measurement(measured: Measurement): void {
    this.#number16(measured.status)
    this.#double(measured.startMs)
    this.#double(measured.durationMs)
    this.#double(measured.sentBytes)
    this.#double(measured.receivedBytes)
    this.#text(measured.method, telemetryLimits.nameBytesMax)
    this.#text(measured.scheme, telemetryLimits.nameBytesMax)
    this.#text(measured.version, telemetryLimits.nameBytesMax)
    this.#text(measured.route, telemetryLimits.nameBytesMax)
    this.#text(measured.server, telemetryLimits.nameBytesMax)
  }

  identity(span: RequestSpan): void {
    this.#word(span.trace0)
    this.#word(span.trace1)
    this.#word(span.trace2)
    this.#word(span.trace3)
    this.#word(span.span0)
    this.#word(span.span1)
    this.#word(span.parent0)
    this.#word(span.parent1)
    this.#droppedAt = this.#at
    this.#dropped = 0
    this.#at += 2
  }

  /** Name of the span: two words with a blank between them, or the first alone. */
  name(first: string, second = ''): void {
    const start = this.#at
    this.#text(first, telemetryLimits.nameBytesMax)
    if (second === '') return
    const at = this.#at
    this.#text(second, telemetryLimits.nameBytesMax)
    this.#bytes[at] = 0x20
    this.#bytes.copyWithin(at + 1, at + lengthBytes, this.#at)
    this.#at -= 1
    this.#bytes.writeUInt16LE(this.#at - start - lengthBytes, start)
  }

  text(key: AttributeKey, value: string): void {
    if (!this.#attribute(types.text, key, value.length * bytesPerUnitMax)) return
    this.#text(value, telemetryLimits.textBytesMax)
  }

  /** One of several values of a key. */
  listed(key: AttributeKey, value: string): void {
    if (!this.#attribute(types.listed, key, value.length * bytesPerUnitMax)) return
    this.#text(value, telemetryLimits.textBytesMax)
  }

  number(key: AttributeKey, value: number): void {
    if (this.#attribute(types.number, key, 8)) this.#double(value)
  }

  /** Bytes as they stand in a message. */
  range(key: AttributeKey, from: Buffer, start: number, end: number): void {
    const length = Math.min(end - start, telemetryLimits.textBytesMax)
    if (!this.#attribute(types.text, key, length)) return
    this.#number16(length)
    this.#at = copyRange(from, start, start + length, this.#bytes, this.#at)
  }

  /** Returns where the record ends. */
  finish(): number {
    if (this.#droppedAt > 0)
      this.#bytes.writeUInt16LE(Math.min(this.#dropped, 0xffff), this.#droppedAt)
    return this.#at
  }

  /** False where there is no room for the attribute, which is counted then. */
  #attribute(type: number, key: AttributeKey, valueBytes: number): boolean {
    const value = Math.min(valueBytes, telemetryLimits.textBytesMax) + lengthBytes
    const needed = 2 + lengthBytes + telemetryLimits.nameBytesMax + value
    if (this.#end - this.#at < needed) {
      this.#dropped += 1
      return false
    }
    this.#bytes[this.#at++] = type
    if (typeof key === 'number') this.#bytes[this.#at++] = key
    else {
      this.#bytes[this.#at++] = 0
      this.#text(key, telemetryLimits.nameBytesMax)
    }
    return true
  }

  #number16(value: number): void {
    this.#bytes[this.#at++] = value & 0xff
    this.#bytes[this.#at++] = value >>> 8
  }

  #word(value: number): void {
    this.#bytes[this.#at++] = value >>> 24
    this.#bytes[this.#at++] = value >>> 16
    this.#bytes[this.#at++] = value >>> 8
    this.#bytes[this.#at++] = value
  }

  #double(value: number): void {
    this.#at = this.#bytes.writeDoubleLE(value, this.#at)
  }

  #text(text: string, bytesMax: number): void {
    const start = this.#at + lengthBytes
    const short = writeShortAscii(text, this.#bytes, start)
    const length = short >= 0 ? short : this.#bytes.write(text, start, bytesMax)
    this.#number16(length)
    this.#at = start + length
  }
}

/** A native call costs as much as so many characters. */
const shortTextMax = 40

/** Returns how many bytes that were; -1 for a text that is long, or not ASCII. */
function writeShortAscii(text: string, into: Uint8Array, at: number): number {
  const { length } = text
  if (length > shortTextMax) return -1
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return -1
    into[at + i] = code
  }
  return length
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
  return { ...measured, span: kind === kinds.span ? decodeSpan(reader, end) : undefined }
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

class RecordReader {
  at: number
  readonly #bytes: Buffer

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes
    this.at = start
  }

  byte(): number {
    return this.#bytes[this.at++]!
  }

  number16(): number {
    this.at += 2
    return this.#bytes.readUInt16LE(this.at - 2)
  }

  double(): number {
    this.at += 8
    return this.#bytes.readDoubleLE(this.at - 8)
  }

  hex(bytes: number): string {
    this.at += bytes
    return this.#bytes.toString('hex', this.at - bytes, this.at)
  }

  text(): string {
    const length = this.number16()
    this.at += length
    return this.#bytes.toString('utf8', this.at - length, this.at)
  }
}
