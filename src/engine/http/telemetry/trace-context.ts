/**
 * Where a request stands in its trace, and how that is said in header fields.
 *
 * ```text
 *   traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01      W3C Trace Context, level 1
 *                │  └ trace                          └ span           └ flags: 01 sampled
 *                └ version
 *   b3: 4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1[-parent]          B3, one field: 0, 1 or d
 *   X-B3-TraceId, X-B3-SpanId, X-B3-Sampled                                    B3, several fields
 * ```
 *
 * Identifiers are words, so that a request that nobody samples makes no text of them.
 */
import { equalsLower } from '../header-names.ts'
import type { RequestHead } from '../request-head.ts'
import { readHex } from './hex.ts'

/** What stands in the fields of a request. */
export interface TraceParent {
  /** Identifier of the trace, the first word first. */
  trace0: number
  trace1: number
  trace2: number
  trace3: number
  span0: number
  span1: number
  sampled: boolean
}

export type Propagation = 'w3c' | 'b3' | 'b3multi'

const traceparentName = Buffer.from('traceparent')
const b3Name = Buffer.from('b3')
const b3TraceName = Buffer.from('x-b3-traceid')
const b3SpanName = Buffer.from('x-b3-spanid')
const b3SampledName = Buffer.from('x-b3-sampled')
const b3FlagsName = Buffer.from('x-b3-flags')

const hyphen = 0x2d
const zero = 0x30
const one = 0x31
const debug = 0x64
const traceparentBytes = 55
const longTraceBytes = 32
const shortTraceBytes = 16
const spanBytes = 16

/** Reads the caller's place into `into`; false where there is none, or none that can be relied on. */
export function readParent(
  head: RequestHead,
  propagation: Propagation,
  into: TraceParent,
): boolean {
  if (propagation === 'w3c') return readTraceparent(head, into)
  return readB3(head, into) || readB3Fields(head, into)
}

/** W3C Trace Context §3.2: a version that is not known is read as version 00, what follows it ignored. */
function readTraceparent(head: RequestHead, into: TraceParent): boolean {
  const field = onlyField(head, traceparentName)
  if (field < 0) return false
  const { bytes } = head
  const start = head.valueStart(field)
  const length = head.valueEnd(field) - start
  if (length < traceparentBytes || hasUpperCase(bytes, start)) return false
  const flags = byteAt(bytes, start + 53)
  const version = byteAt(bytes, start)
  if (version < 0 || version === 0xff || flags < 0) return false
  const last = start + traceparentBytes
  if (length > traceparentBytes && (version === 0 || bytes[last] !== hyphen)) return false
  const parted =
    bytes[start + 2] === hyphen && bytes[start + 35] === hyphen && bytes[start + 52] === hyphen
  into.sampled = (flags & 1) === 1
  return parted && readTrace(bytes, start + 3, into) && readSpan(bytes, start + 36, into)
}

function hasUpperCase(bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < traceparentBytes; i++) {
    const byte = bytes[start + i]!
    if (byte >= 0x41 && byte <= 0x5a) return true
  }
  return false
}

/** Two digits; -1 where they are none. */
function byteAt(bytes: Uint8Array, at: number): number {
  const high = digitAt(bytes, at)
  const low = digitAt(bytes, at + 1)
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function digitAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]!
  if (byte >= zero && byte <= 0x39) return byte - zero
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x61 + 10 : -1
}

function readB3(head: RequestHead, into: TraceParent): boolean {
  const field = onlyField(head, b3Name)
  if (field < 0) return false
  const { bytes } = head
  const start = head.valueStart(field)
  const end = head.valueEnd(field)
  const traceBytes = bytes[start + longTraceBytes] === hyphen ? longTraceBytes : shortTraceBytes
  const spanAt = start + traceBytes + 1
  const spanEnd = spanAt + spanBytes
  if (spanEnd > end || bytes[spanAt - 1] !== hyphen) return false
  if (spanEnd < end && bytes[spanEnd] !== hyphen) return false
  const state = spanEnd + 1 < end ? bytes[spanEnd + 1]! : one
  into.sampled = state === one || state === debug
  return readB3Trace(bytes, start, traceBytes, into) && readSpan(bytes, spanAt, into)
}

function readB3Fields(head: RequestHead, into: TraceParent): boolean {
  const trace = onlyField(head, b3TraceName)
  const span = onlyField(head, b3SpanName)
  if (trace < 0 || span < 0) return false
  const { bytes } = head
  const traceBytes = head.valueEnd(trace) - head.valueStart(trace)
  if (traceBytes !== longTraceBytes && traceBytes !== shortTraceBytes) return false
  if (head.valueEnd(span) - head.valueStart(span) !== spanBytes) return false
  into.sampled = isSampledByFields(head)
  return (
    readB3Trace(bytes, head.valueStart(trace), traceBytes, into) &&
    readSpan(bytes, head.valueStart(span), into)
  )
}

/** Where nothing is said the decision is deferred to us: a trace that somebody began is taken. */
function isSampledByFields(head: RequestHead): boolean {
  const flags = onlyField(head, b3FlagsName)
  if (flags >= 0 && head.bytes[head.valueStart(flags)] === one) return true
  const sampled = onlyField(head, b3SampledName)
  if (sampled < 0) return true
  // Old clients say "true".
  const first = head.bytes[head.valueStart(sampled)]
  return first === one || first === 0x74
}

function readB3Trace(bytes: Uint8Array, start: number, length: number, into: TraceParent): boolean {
  if (length === longTraceBytes) return readTrace(bytes, start, into)
  into.trace0 = 0
  into.trace1 = 0
  into.trace2 = readHex(bytes, start)
  into.trace3 = readHex(bytes, start + 8)
  return into.trace2 >= 0 && into.trace3 >= 0 && (into.trace2 | into.trace3) !== 0
}

/** Identifiers of zeros only are none. */
function readTrace(bytes: Uint8Array, start: number, into: TraceParent): boolean {
  into.trace0 = readHex(bytes, start)
  into.trace1 = readHex(bytes, start + 8)
  into.trace2 = readHex(bytes, start + 16)
  into.trace3 = readHex(bytes, start + 24)
  if (into.trace0 < 0 || into.trace1 < 0 || into.trace2 < 0 || into.trace3 < 0) return false
  return (into.trace0 | into.trace1 | into.trace2 | into.trace3) !== 0
}

function readSpan(bytes: Uint8Array, start: number, into: TraceParent): boolean {
  into.span0 = readHex(bytes, start)
  into.span1 = readHex(bytes, start + 8)
  return into.span0 >= 0 && into.span1 >= 0 && (into.span0 | into.span1) !== 0
}

/** The field of that name where there is one; of several nobody knows which is right. */
function onlyField(head: RequestHead, name: Uint8Array): number {
  let found = -1
  for (let field = 0; field < head.count; field++) {
    const start = head.nameStart(field)
    const end = head.nameEnd(field)
    if (end - start !== name.length || !equalsLower(head.bytes, start, end, name)) continue
    if (found >= 0) return -1
    found = field
  }
  return found
}
