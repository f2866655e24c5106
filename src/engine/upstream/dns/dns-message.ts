/**
 * DNS messages, RFC 1035 §4, as far as a stub resolver needs them: a question out, answers in.
 *
 * ```text
 *   header    ID │ QR Opcode AA TC RD │ RA Z RCODE │ QDCOUNT │ ANCOUNT │ NSCOUNT │ ARCOUNT     6 × 16 bit
 *   question  QNAME │ QTYPE │ QCLASS
 *   answer    NAME │ TYPE │ CLASS │ TTL (32) │ RDLENGTH │ RDATA
 *   name      (length 1..63 │ bytes)* 0        or, anywhere in place of the rest: 11 │ offset (14 bit)
 * ```
 *
 * The reader trusts nothing: every offset is checked, a compression pointer must point before the name it
 * stands in (so that none can loop), and what does not add up is a `DnsFormatError`.
 */
import { SocketAddress } from 'node:net'
import { dnsLabelBytesMax, dnsNameCharsMax } from '../limits.ts'

export const dnsTypes = { A: 1, CNAME: 5, AAAA: 28, SRV: 33 } as const

export type DnsType = keyof typeof dnsTypes

export interface DnsQuestion {
  /** Without a dot at its end. */
  readonly name: string
  readonly type: DnsType
}

interface RecordHead {
  readonly name: string
  readonly ttlSeconds: number
}

export type DnsRecord = RecordHead &
  (
    | { readonly type: 'A' | 'AAAA'; readonly address: string }
    | { readonly type: 'CNAME'; readonly target: string }
    | {
        readonly type: 'SRV'
        readonly priority: number
        readonly weight: number
        readonly port: number
        readonly target: string
      }
  )

export interface DnsResponse {
  readonly id: number
  readonly question: DnsQuestion | undefined
  readonly truncated: boolean
  /** RFC 1035 §4.1.1: 0 is success, 3 is "name error". */
  readonly rcode: number
  /** Answers of the types above; others are left out. */
  readonly answers: readonly DnsRecord[]
}

/** A message that breaks the format. */
export class DnsFormatError extends Error {
  readonly code = 'TRIJET_DNS_FORMAT'

  constructor(message: string) {
    super(message)
    this.name = 'DnsFormatError'
  }
}

const headerBytes = 12
const classInternet = 1
const flagResponse = 0x8000
const flagTruncated = 0x0200
const flagRecursionDesired = 0x0100
const opcodeMask = 0x7800
const rcodeMask = 0x000f
const pointerMark = 0xc0
/** RFC 2181 §8: a TTL with the highest bit set is to be taken as 0. */
const ttlSecondsMax = 0x7fff_ffff

const typeNames: ReadonlyMap<number, DnsType> = new Map(
  (Object.keys(dnsTypes) as DnsType[]).map((name) => [dnsTypes[name], name]),
)

/** A query with recursion desired. Throws `DnsFormatError` for a name that no message can hold. */
export function encodeQuery(id: number, { name, type }: DnsQuestion): Buffer {
  const qname = encodeName(name)
  const message = Buffer.alloc(headerBytes + qname.length + 4)
  message.writeUInt16BE(id, 0)
  message.writeUInt16BE(flagRecursionDesired, 2)
  message.writeUInt16BE(1, 4)
  qname.copy(message, headerBytes)
  message.writeUInt16BE(dnsTypes[type], headerBytes + qname.length)
  message.writeUInt16BE(classInternet, headerBytes + qname.length + 2)
  return message
}

function encodeName(name: string): Buffer {
  const bare = name.endsWith('.') ? name.slice(0, -1) : name
  if (Buffer.byteLength(bare) > dnsNameCharsMax) throw new DnsFormatError('the name is too long')
  const parts: Buffer[] = []
  for (const label of bare.split('.')) {
    const bytes = Buffer.from(label)
    if (bytes.length === 0 || bytes.length > dnsLabelBytesMax) {
      throw new DnsFormatError(`the label "${label}" has ${bytes.length} bytes`)
    }
    parts.push(Buffer.of(bytes.length), bytes)
  }
  return Buffer.concat([...parts, Buffer.of(0)])
}

/** Reads a response. Throws `DnsFormatError`. */
export function decodeResponse(message: Uint8Array): DnsResponse {
  const reader = new MessageReader(message)
  const id = reader.uint16()
  const flags = reader.uint16()
  if ((flags & flagResponse) === 0) throw new DnsFormatError('not a response')
  if ((flags & opcodeMask) !== 0) throw new DnsFormatError('not a response to a query')
  const questions = reader.uint16()
  const answers = reader.uint16()
  reader.skip(4)
  if (questions > 1) throw new DnsFormatError(`${questions} questions`)
  const question = questions === 1 ? readQuestion(reader) : undefined
  const truncated = (flags & flagTruncated) !== 0
  const rcode = flags & rcodeMask
  // What a truncated message still holds may end in the middle; it is asked for again by TCP anyway.
  return { id, question, truncated, rcode, answers: truncated ? [] : readAnswers(reader, answers) }
}

function readQuestion(reader: MessageReader): DnsQuestion | undefined {
  const name = reader.name()
  const type = typeNames.get(reader.uint16())
  return reader.uint16() === classInternet && type !== undefined ? { name, type } : undefined
}

function readAnswers(reader: MessageReader, count: number): readonly DnsRecord[] {
  const records: DnsRecord[] = []
  for (let i = 0; i < count; i += 1) {
    const record = readRecord(reader)
    if (record !== undefined) records.push(record)
  }
  return records
}

function readRecord(reader: MessageReader): DnsRecord | undefined {
  const name = reader.name()
  const type = typeNames.get(reader.uint16())
  const isInternet = reader.uint16() === classInternet
  const ttl = reader.uint32()
  const head = { name, ttlSeconds: ttl > ttlSecondsMax ? 0 : ttl }
  const end = reader.endOf(reader.uint16())
  const record = isInternet && type !== undefined ? readData(reader, head, type) : undefined
  if (record !== undefined && reader.at !== end)
    throw new DnsFormatError(`${type} data of wrong length`)
  reader.at = end
  return record
}

function readData(reader: MessageReader, head: RecordHead, type: DnsType): DnsRecord {
  switch (type) {
    case 'A':
      return { ...head, type, address: reader.bytes(4).join('.') }
    case 'AAAA':
      return { ...head, type, address: formatIPv6(reader.bytes(16)) }
    case 'CNAME':
      return { ...head, type, target: reader.name() }
    default:
      return {
        ...head,
        type,
        priority: reader.uint16(),
        weight: reader.uint16(),
        port: reader.uint16(),
        target: reader.name(),
      }
  }
}

class MessageReader {
  at = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Offset after so many bytes more, which must be there. */
  endOf(length: number): number {
    const end = this.at + length
    if (end > this.#bytes.length) throw new DnsFormatError('the message ends too early')
    return end
  }

  skip(length: number): void {
    this.at = this.endOf(length)
  }

  bytes(length: number): Uint8Array {
    const start = this.at
    this.skip(length)
    return this.#bytes.subarray(start, this.at)
  }

  uint8(): number {
    return this.bytes(1)[0]!
  }

  uint16(): number {
    return (this.uint8() << 8) | this.uint8()
  }

  uint32(): number {
    return this.uint16() * 0x1_0000 + this.uint16()
  }

  /** A name without its last dot, in the letters in which it came; the root is empty. */
  name(): string {
    const labels: string[] = []
    let length = 0
    let end = -1
    // A pointer leads before where the last one led, so that there is an end to it.
    let limit = this.at
    for (let size = this.uint8(); size !== 0; size = this.uint8()) {
      if ((size & pointerMark) === pointerMark) {
        const target = ((size & ~pointerMark) << 8) | this.uint8()
        if (end < 0) end = this.at
        if (target >= limit) throw new DnsFormatError('a pointer that does not lead back')
        limit = target
        this.at = target
        continue
      }
      // RFC 1035 §4.1.4: 01 and 10 are reserved.
      if (size > dnsLabelBytesMax) throw new DnsFormatError('a label of a reserved kind')
      length += size + 1
      if (length > dnsNameCharsMax + 1) throw new DnsFormatError('the name is too long')
      labels.push(labelText(this.bytes(size)))
    }
    if (end >= 0) this.at = end
    return labels.join('.')
  }
}

/** A label as text. One with a dot or a control character in it could be taken for something else. */
function labelText(bytes: Uint8Array): string {
  for (const byte of bytes) {
    if (byte <= 0x20 || byte === 0x2e || byte === 0x7f) throw new DnsFormatError('an odd label')
  }
  return Buffer.from(bytes).toString('latin1')
}

/** RFC 5952, as the system prints it. */
function formatIPv6(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex')
  const address = hex.match(/.{4}/g)!.join(':')
  return new SocketAddress({ family: 'ipv6', address }).address
}
