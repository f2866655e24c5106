/**
 * HTTP/1.1 messages read strictly by RFC 9112, independently of the engine's own parser: what a peer sent
 * is one well-formed message, or it is an error that says which rule it breaks.
 */

export type Framing = 'none' | 'length' | 'chunked' | 'close'
export type Field = readonly [name: string, value: string]

export interface Message {
  /** Request line or status line. */
  readonly start: string
  /** In order of arrival, names as they came. */
  readonly fields: readonly Field[]
  readonly framing: Framing
  /** Decoded. */
  readonly body: Buffer
  readonly trailers: readonly Field[]
  /** Bytes the message took. */
  readonly bytes: number
}

export class MalformedMessage extends Error {
  constructor(what: string, bytes: Buffer) {
    super(`${what} in ${JSON.stringify(bytes.toString('latin1', 0, 400))}`)
    this.name = 'MalformedMessage'
  }
}

/** A minor version of the future is taken as 1.1 (RFC 9110 §2.5). */
const requestLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~\x80-\xff]+ HTTP\/1\.\d$/
// oxlint-disable-next-line no-control-regex
const statusLine = /^HTTP\/1\.[01] \d{3} [\t\x20-\x7e\x80-\xff]*$/
// oxlint-disable-next-line no-control-regex
const lenientStatusLine = /^HTTP\/1\.[01] \d{3}(?: [\t\x20-\x7e\x80-\xff]*)?$/
// oxlint-disable-next-line no-control-regex
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/
/** Extensions are tokens and quoted strings, in whatever order: nobody reads them (RFC 9112 §7.1.1). */
const chunkLine =
  /^([0-9a-fA-F]{1,13})(?:;(?:[!#$%&'*+.^_`|~0-9A-Za-z;=-]|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*")*)?$/

/** All values of a field, by lower-case name. */
export function valuesOf(message: Pick<Message, 'fields'>, name: string): string[] {
  return message.fields.filter(([known]) => known.toLowerCase() === name).map(([, value]) => value)
}

/** The request at the start of the bytes; nothing while it is not whole. */
export function readRequest(bytes: Buffer): Message | undefined {
  const head = readHead(bytes, requestLine)
  if (head === undefined) return undefined
  const hosts = valuesOf(head, 'host')
  const needed = head.start.endsWith('1.0') ? 0 : 1
  if (hosts.length > 1 || hosts.length < needed) throw new MalformedMessage('Host count', bytes)
  const framing = framingOf(head, bytes) ?? 'none'
  return readBody(bytes, head, { framing, ended: false })
}

export interface ResponseContext {
  /** Of the request it answers. */
  readonly method?: string
  /** The connection ended behind the bytes. */
  readonly ended?: boolean
  /** Takes a status line that has neither reason nor the space before it, as nginx may pass it on. */
  readonly lenient?: boolean
}

/** The response at the start of the bytes; nothing while it is not whole. */
export function readResponse(
  bytes: Buffer,
  { method = 'GET', ended = false, lenient = false }: ResponseContext = {},
): Message | undefined {
  const head = readHead(bytes, lenient ? lenientStatusLine : statusLine)
  if (head === undefined) return undefined
  const status = statusOf(head)
  const stated = framingOf(head, bytes)
  const bodiless = method === 'HEAD' || status < 200 || status === 204 || status === 304
  if (stated !== undefined && (status < 200 || status === 204)) {
    throw new MalformedMessage(`a body's length with ${status}`, bytes)
  }
  const framing = bodiless ? 'none' : (stated ?? 'close')
  return readBody(bytes, head, { framing, ended })
}

export function statusOf(message: Pick<Message, 'start'>): number {
  return Number(message.start.slice(9, 12))
}

interface Head {
  readonly start: string
  readonly fields: readonly Field[]
  readonly bytes: number
}

function readHead(bytes: Buffer, startLine: RegExp): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [start, ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  if (!startLine.test(start!)) throw new MalformedMessage('bad start line', bytes)
  return { start: start!, fields: lines.map((line) => readField(line, bytes)), bytes: end + 4 }
}

function readField(line: string, bytes: Buffer): Field {
  const match = fieldLine.exec(line)
  if (match === null) throw new MalformedMessage('bad field line', bytes)
  return [match[1]!, match[2]!]
}

/** RFC 9112 §6: one length, or chunked alone, or neither. */
function framingOf(head: Head, bytes: Buffer): Framing | undefined {
  const lengths = valuesOf(head, 'content-length')
  const codings = valuesOf(head, 'transfer-encoding')
  if (lengths.length + codings.length > 1) throw new MalformedMessage('two lengths', bytes)
  if (codings.length === 1) {
    if (codings[0]!.toLowerCase() === 'chunked') return 'chunked'
    throw new MalformedMessage('Transfer-Encoding other than chunked', bytes)
  }
  if (lengths.length === 0) return undefined
  if (!/^\d{1,15}$/.test(lengths[0]!)) throw new MalformedMessage('bad Content-Length', bytes)
  return 'length'
}

interface BodyRule {
  readonly framing: Framing
  readonly ended: boolean
}

function readBody(bytes: Buffer, head: Head, { framing, ended }: BodyRule): Message | undefined {
  const whole = (body: Buffer, end: number, trailers: readonly Field[] = []): Message => ({
    start: head.start,
    fields: head.fields,
    framing,
    body,
    trailers,
    bytes: end,
  })
  const rest = bytes.subarray(head.bytes)
  switch (framing) {
    case 'none':
      return whole(rest.subarray(0, 0), head.bytes)
    case 'close':
      return ended ? whole(rest, bytes.length) : undefined
    case 'length': {
      const length = Number(valuesOf(head, 'content-length')[0])
      if (rest.length < length) return undefined
      return whole(rest.subarray(0, length), head.bytes + length)
    }
    case 'chunked': {
      const chunks = readChunks(bytes, head.bytes)
      return chunks && whole(chunks.body, chunks.end, chunks.trailers)
    }
  }
}

interface Chunks {
  readonly body: Buffer
  readonly end: number
  readonly trailers: readonly Field[]
}

function readChunks(bytes: Buffer, from: number): Chunks | undefined {
  const parts: Buffer[] = []
  for (let at = from; ;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = chunkLine.exec(bytes.toString('latin1', at, lineEnd))
    if (size === null) throw new MalformedMessage('bad chunk line', bytes.subarray(at))
    const length = Number.parseInt(size[1]!, 16)
    const start = lineEnd + 2
    if (length === 0) return readTrailers(bytes, start, Buffer.concat(parts))
    if (bytes.length < start + length + 2) return undefined
    if (bytes.toString('latin1', start + length, start + length + 2) !== '\r\n') {
      throw new MalformedMessage('chunk longer than its size', bytes.subarray(at))
    }
    parts.push(bytes.subarray(start, start + length))
    at = start + length + 2
  }
}

function readTrailers(bytes: Buffer, from: number, body: Buffer): Chunks | undefined {
  const trailers: Field[] = []
  for (let at = from; ;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    if (lineEnd === at) return { body, end: at + 2, trailers }
    trailers.push(readField(bytes.toString('latin1', at, lineEnd), bytes))
    at = lineEnd + 2
  }
}
