/**
 * What one try to pass a request on leaves for the collector, as bytes of a ring; those of
 * `record-bytes.ts`.
 *
 * ```text
 *   record = 3 u8 · status u16 · resends u16 · start f64 · duration f64
 *            trace 16 bytes · span 8 · parent 8
 *            method text · original text · scheme text · version text
 *            server text · peer text · fault text · target text
 * ```
 */
import { telemetryLimits } from './limits.ts'
import { type RecordBytes, RecordReader } from './record-bytes.ts'
import { recordKinds } from './record-kinds.ts'
import type { RequestSpan } from './request-span.ts'

const { nameBytesMax } = telemetryLimits

export interface AttemptFacts {
  /** Of the response; 0 where none came. */
  status: number
  /** How often the request was sent before. */
  resends: number
  /** Milliseconds, wall clock. */
  startMs: number
  durationMs: number
  /** One that is known, or `_OTHER` with the `original` one. */
  method: string
  original: string
  /** `http://`, as the location has it. */
  scheme: string
  /** `1.1` */
  version: string
  /** The server as it is written, `app.test:8080`, and its address, `10.0.0.1:8080`. */
  server: string
  peer: string
  /** What went wrong; empty where nothing did, or where the status says it. */
  fault: string
}

export interface AttemptRecord extends Readonly<AttemptFacts> {
  /** Identifiers in hexadecimal digits; the parent is the request's span. */
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  /** Path and query. */
  readonly target: string
}

/** Words of the identifier of a span. */
export interface SpanId {
  readonly span0: number
  readonly span1: number
}

/** All but the target, which is to follow as a text or a range. */
export function writeAttempt(
  to: RecordBytes,
  facts: Readonly<AttemptFacts>,
  { parent, own }: { readonly parent: RequestSpan; readonly own: SpanId },
): void {
  to.byte(recordKinds.attempt)
  to.number16(facts.status)
  to.number16(facts.resends)
  to.double(facts.startMs)
  to.double(facts.durationMs)
  to.word(parent.trace0)
  to.word(parent.trace1)
  to.word(parent.trace2)
  to.word(parent.trace3)
  to.word(own.span0)
  to.word(own.span1)
  to.word(parent.span0)
  to.word(parent.span1)
  to.text(facts.method, nameBytesMax)
  to.text(facts.original, nameBytesMax)
  to.text(facts.scheme, nameBytesMax)
  to.text(facts.version, nameBytesMax)
  to.text(facts.server, nameBytesMax)
  to.text(facts.peer, nameBytesMax)
  to.text(facts.fault, nameBytesMax)
}

export function isAttempt(bytes: Buffer, start: number): boolean {
  return bytes[start] === recordKinds.attempt
}

/** Reads a record back; for whoever exports it. */
export function decodeAttempt(bytes: Buffer, start: number): AttemptRecord {
  const reader = new RecordReader(bytes, start + 1)
  return {
    status: reader.number16(),
    resends: reader.number16(),
    startMs: reader.double(),
    durationMs: reader.double(),
    traceId: reader.hex(16),
    spanId: reader.hex(8),
    parentId: reader.hex(8),
    method: reader.text(),
    original: reader.text(),
    scheme: reader.text(),
    version: reader.text(),
    server: reader.text(),
    peer: reader.text(),
    fault: reader.text(),
    target: reader.text(),
  }
}
