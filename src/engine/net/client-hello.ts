/**
 * Reads a TLS ClientHello without answering it: for choosing a server by name before the handshake, and for
 * passing TLS through by name (`ssl_preread`).
 *
 * ```text
 *   record     22 · version:2 · length:2 · fragment…            a hello may span several (RFC 8446 §5.1)
 *   handshake  1 · length:3 ·
 *   hello      version:2 random:32 session<0..32> ciphers<2..> compression<1..> extensions<0..>
 *   extension  type:2 length:2 data…
 * ```
 *
 * Strict: a length that does not add up, trailing bytes or a name with impossible characters make it
 * `invalid`; nothing is guessed.
 */

/** More than any client sends, post-quantum key shares included; OpenSSL's own limit. */
export const clientHelloBytesMax: number = 16 * 1024
/** Clients split a hello into a handful of records, if at all. */
const recordsMax = 64
const recordHeaderBytes = 5
const handshakeHeaderBytes = 4
/** RFC 8446 §5.1: 2^14 bytes of plain text. */
const recordBytesMax: number = 2 ** 14

const contentHandshake = 22
const messageClientHello = 1
const extensionServerName = 0
const extensionGroups = 10
const extensionAlpn = 16
const extensionVersions = 43
const nameTypeHost = 0

export interface ClientHello {
  /** As sent, e.g. 0x0303 for TLS 1.2 and, by custom, 1.3. */
  readonly legacyVersion: number
  /** Host name in lower case, if the client named one. */
  readonly serverName: string | undefined
  /** Protocols in the client's order, e.g. `h2`. */
  readonly alpn: readonly string[]
  /** From the extension of TLS 1.3; empty without it. */
  readonly versions: readonly number[]
  readonly ciphers: readonly number[]
  readonly groups: readonly number[]
}

/** `incomplete`: more bytes are needed. `invalid`: no ClientHello, and no further byte can make it one. */
export type ClientHelloResult = ClientHello | 'incomplete' | 'invalid'

export function parseClientHello(bytes: Buffer): ClientHelloResult {
  const message = joinRecords(bytes)
  if (typeof message === 'string') return message
  try {
    return readHello(new Reader(message, handshakeHeaderBytes, message.length))
  } catch (error) {
    if (error instanceof MalformedError) return 'invalid'
    throw error
  }
}

const versionNames: Readonly<Record<number, string>> = {
  0x0300: 'SSLv3',
  0x0301: 'TLSv1',
  0x0302: 'TLSv1.1',
  0x0303: 'TLSv1.2',
  0x0304: 'TLSv1.3',
}

/** Highest version the client offers that has a name, as nginx's `$ssl_preread_protocol`. */
export function offeredProtocol(hello: ClientHello): string {
  const known = hello.versions.filter((version) => version in versionNames)
  const highest = known.length === 0 ? hello.legacyVersion : Math.max(...known)
  return versionNames[highest] ?? ''
}

/** The handshake message of all records, once it is whole. */
function joinRecords(bytes: Buffer): Buffer | 'incomplete' | 'invalid' {
  const fragments: Buffer[] = []
  let have = 0
  let need = handshakeHeaderBytes
  for (let at = 0; fragments.length < recordsMax;) {
    const record = readRecord(bytes, at)
    if (typeof record === 'string') return record
    fragments.push(record)
    have += record.length
    at += recordHeaderBytes + record.length
    if (fragments[0]![0] !== messageClientHello) return 'invalid'
    if (need === handshakeHeaderBytes && have >= need) need += messageBytes(fragments)
    if (need > clientHelloBytesMax) return 'invalid'
    // RFC 8446 §5.1: nothing else may follow a ClientHello in its record.
    if (have > need) return 'invalid'
    if (have === need && need > handshakeHeaderBytes) return Buffer.concat(fragments)
  }
  return 'invalid'
}

/** The length that the message states after its type. */
function messageBytes(fragments: readonly Buffer[]): number {
  return Buffer.concat(fragments).readUIntBE(1, 3)
}

/** The fragment at `at`. What is there of an incomplete record must be right already. */
function readRecord(bytes: Buffer, at: number): Buffer | 'incomplete' | 'invalid' {
  const left = bytes.length - at
  if (left >= 1 && bytes[at] !== contentHandshake) return 'invalid'
  if (left >= 2 && bytes[at + 1] !== 3) return 'invalid'
  if (left < recordHeaderBytes) return 'incomplete'
  const length = bytes.readUInt16BE(at + 3)
  if (length === 0 || length > recordBytesMax) return 'invalid'
  if (left < recordHeaderBytes + length) {
    const first = at === 0 && left > recordHeaderBytes
    return first && bytes[recordHeaderBytes] !== messageClientHello ? 'invalid' : 'incomplete'
  }
  return bytes.subarray(at + recordHeaderBytes, at + recordHeaderBytes + length)
}

function readHello(reader: Reader): ClientHello {
  const legacyVersion = reader.number(2)
  reader.skip(32)
  const session = reader.block(1)
  if (session.left > 32) throw new MalformedError()
  const ciphers = reader.block(2).numbers(2)
  if (ciphers.length === 0 || reader.block(1).left === 0) throw new MalformedError()
  const hello = {
    legacyVersion,
    serverName: undefined as string | undefined,
    alpn: [] as string[],
    versions: [] as readonly number[],
    ciphers,
    groups: [] as readonly number[],
  }
  if (reader.left > 0) readExtensions(reader, hello)
  return hello
}

type Draft = { -readonly [K in keyof ClientHello]: ClientHello[K] }

function readExtensions(reader: Reader, hello: Draft): void {
  const extensions = reader.block(2)
  reader.end()
  const seen = new Set<number>()
  while (extensions.left > 0) {
    const type = extensions.number(2)
    const data = extensions.block(2)
    // RFC 8446 §4.2: no type twice.
    if (seen.has(type)) throw new MalformedError()
    seen.add(type)
    readExtension(type, data, hello)
  }
}

function readExtension(type: number, data: Reader, hello: Draft): void {
  if (type === extensionServerName) hello.serverName = readServerName(data)
  else if (type === extensionAlpn) hello.alpn = readAlpn(data)
  else if (type === extensionVersions) hello.versions = whole(data, 1).numbers(2)
  else if (type === extensionGroups) hello.groups = whole(data, 2).numbers(2)
}

/** The only list of an extension: nothing may follow it. */
function whole(data: Reader, lengthBytes: 1 | 2): Reader {
  const list = data.block(lengthBytes)
  data.end()
  return list
}

/** RFC 6066 §3: a list with one name of type host. */
function readServerName(data: Reader): string | undefined {
  const list = whole(data, 2)
  let name: string | undefined
  while (list.left > 0) {
    const type = list.number(1)
    const text = list.block(2).text()
    if (type !== nameTypeHost) continue
    if (name !== undefined || !/^[\x21-\x7e]{1,255}$/.test(text)) throw new MalformedError()
    name = text.toLowerCase()
  }
  return name
}

/** RFC 7301 §3.1: names of one byte and more. */
function readAlpn(data: Reader): string[] {
  const list = whole(data, 2)
  const names: string[] = []
  while (list.left > 0) {
    const name = list.block(1).text()
    if (name === '') throw new MalformedError()
    names.push(name)
  }
  return names
}

class MalformedError extends Error {}

/** Walks over a range of bytes; every step out of it is malformed input. */
class Reader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  get left(): number {
    return this.#end - this.#at
  }

  skip(bytes: number): number {
    const at = this.#at
    if (bytes > this.left) throw new MalformedError()
    this.#at += bytes
    return at
  }

  number(bytes: 1 | 2): number {
    return this.#bytes.readUIntBE(this.skip(bytes), bytes)
  }

  /** What follows a length of `lengthBytes`. */
  block(lengthBytes: 1 | 2): Reader {
    const length = this.number(lengthBytes)
    const at = this.skip(length)
    return new Reader(this.#bytes, at, at + length)
  }

  numbers(bytes: 1 | 2): readonly number[] {
    if (this.left % bytes !== 0) throw new MalformedError()
    const numbers: number[] = []
    while (this.left > 0) numbers.push(this.number(bytes))
    return numbers
  }

  text(): string {
    return this.#bytes.toString('latin1', this.#at, this.#end)
  }

  end(): void {
    if (this.left !== 0) throw new MalformedError()
  }
}
