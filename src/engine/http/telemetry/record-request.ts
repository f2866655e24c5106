/**
 * Writes the record of a finished request, by the semantic conventions of OpenTelemetry for HTTP servers.
 */
import type { ComplexValue } from '../../core/complex-value.ts'
import type { Regex } from '../../core/regex.ts'
import { type Address, formatHost } from '../../net/address.ts'
import { nameId } from '../header-names.ts'
import { methods, methodText } from '../methods.ts'
import type { Request } from '../request.ts'
import { httpTime } from '../writer.ts'
import type { RequestSpan } from './request-span.ts'
import { attributeKeys as keys, type Measurement, RecordWriter } from './span-record.ts'
import type { SpanSink } from './span-sink.ts'

export interface SpanAttribute {
  readonly key: string
  readonly value: ComplexValue
}

/** Which captured fields are not shown: by their names, and by their values. */
export interface HeaderCapture {
  readonly secretNames: Regex | undefined
  readonly secretValues: Regex | undefined
}

/** What a location says about the records of its requests. */
export interface RecordRules {
  readonly sink: SpanSink
  /** Requests whose spans are not recorded are measured. */
  readonly measures: boolean
  /** The location as it is written; empty where there is none. */
  readonly route: string
  readonly operation: ComplexValue | undefined
  readonly attributes: readonly SpanAttribute[]
  readonly capture: HeaderCapture | undefined
}

/** The values that take the place of secrets. */
const redacted = '[REDACTED]'

/** Its own attributes; captured fields leave them out. */
const described = new Set(['host', 'user-agent'])

const userAgentId = nameId('user-agent')

const versions = { 'HTTP/1.0': '1.0', 'HTTP/1.1': '1.1', 'HTTP/2.0': '2' } as const

const writer = new RecordWriter()

/** Filled for each record. */
const measured: Measurement = {
  status: 0,
  startMs: 0,
  durationMs: 0,
  sentBytes: 0,
  receivedBytes: 0,
  method: '',
  scheme: '',
  version: '',
  route: '',
  server: '',
}

export function recordRequest(request: Request, span: RequestSpan, rules: RecordRules): void {
  if (!span.known || !(span.recorded || rules.measures)) return
  const room = rules.sink.begin(request)
  if (room === undefined) return
  measure(request, rules)
  writer.begin(room, span.recorded)
  writer.measurement(measured)
  if (span.recorded) {
    writer.identity(span)
    writeName(request, rules)
    writeRequest(request)
    writePeers(request)
    for (const { key, value } of rules.attributes) writer.text(key, value.evaluate(request))
    if (rules.capture !== undefined) writeFields(request, rules.capture)
  }
  writer.finish()
  rules.sink.end()
}

function measure(request: Request, { route }: RecordRules): void {
  const { response, errorStatus, startedAt, begunAt, carrier, head } = request
  measured.status = errorStatus === 0 ? response.status : errorStatus
  measured.startMs = startedAt
  // Requests of the first moment were begun before anybody wanted to know it exactly.
  measured.durationMs =
    begunAt > 0 ? performance.now() - begunAt : Math.max(Date.now() - startedAt, 0)
  measured.sentBytes = request.bodyBytesSent
  measured.receivedBytes = request.body.received
  // The set of values has to be small: clients make up methods.
  measured.method = head.method === methods.other ? '_OTHER' : methodText(head.method)
  measured.scheme = request.scheme
  measured.version = versions[carrier.protocol]
  measured.route = route
  measured.server = request.server.name
}

function writeName(request: Request, rules: RecordRules): void {
  const { operation } = rules
  if (operation !== undefined) writer.name(operation.evaluate(request))
  else writer.name(measured.method === '_OTHER' ? 'HTTP' : measured.method, rules.route)
}

function writeRequest({ head }: Request): void {
  const { bytes } = head
  if (head.method === methods.other) {
    writer.range(keys.methodOriginal, bytes, head.methodStart, head.methodEnd)
  }
  if (head.pathEnd > head.pathStart) writer.range(keys.path, bytes, head.pathStart, head.pathEnd)
  else writer.text(keys.path, '/')
  if (head.queryStart >= 0) writer.range(keys.query, bytes, head.queryStart, head.targetEnd)
  const agent = head.first[userAgentId]!
  if (agent < 0) return
  writer.range(keys.userAgent, bytes, head.valueStart(agent), head.valueEnd(agent))
}

function writePeers(request: Request): void {
  const { connection, host, server, remote } = request
  writer.text(keys.serverAddress, host === '' ? server.name : host)
  writePort(keys.serverPort, connection.socket.local)
  writer.text(keys.clientAddress, formatHost(remote))
  writer.text(keys.peerAddress, formatHost(connection.remote))
  writePort(keys.peerPort, connection.remote)
}

function writePort(key: number, address: Address): void {
  if (address.family !== 'unix') writer.number(key, address.port)
}

function writeFields(request: Request, capture: HeaderCapture): void {
  const { head, response } = request
  for (let field = 0; field < head.count; field++) {
    const name = head.text(head.nameStart(field), head.nameEnd(field)).toLowerCase()
    if (described.has(name)) continue
    const value = head.text(head.valueStart(field), head.valueEnd(field))
    writer.listed(`http.request.header.${name}`, shown(name, value, capture))
  }
  const write = (name: string, value: string): void =>
    writer.listed(`http.response.header.${name}`, shown(name, value, capture))
  const { contentType, charset, contentLength, location, etag, lastModified } = response
  if (contentType !== undefined) {
    write(
      'content-type',
      charset === undefined ? contentType : `${contentType}; charset=${charset}`,
    )
  }
  if (contentLength >= 0) write('content-length', String(contentLength))
  if (location !== undefined) write('location', location)
  if (etag !== undefined) write('etag', etag)
  if (lastModified >= 0) write('last-modified', httpTime(lastModified))
  const { names, values } = response
  for (const [i, name] of names.entries()) write(name.toLowerCase(), values[i]!)
}

function shown(name: string, value: string, { secretNames, secretValues }: HeaderCapture): string {
  const secret = secretNames?.test(name) === true || secretValues?.test(value) === true
  return secret ? redacted : value
}
