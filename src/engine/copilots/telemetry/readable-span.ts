/** A record as the SDK's exporters take spans, with the attributes of the semantic conventions. */
import {
  type Attributes,
  type HrTime,
  SpanKind,
  type SpanContext,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { DecodedSpan, Measurement } from '../../http/telemetry/span-record.ts'

/** Who made the spans: shown beside each of them. */
export interface Scope {
  readonly name: string
  readonly version: string
}

/** What all spans have in common. */
export interface About {
  readonly resource: Resource
  readonly scope: Scope
}

/** What tells one kind of span from the other. */
export interface SpanParts {
  readonly name: string
  readonly kind: SpanKind
  readonly context: SpanContext
  readonly parent: SpanContext | undefined
  readonly startMs: number
  readonly durationMs: number
  readonly failed: boolean
  readonly attributes: Attributes
  readonly droppedAttributes: number
}

const serverErrorMin = 500
const unset: SpanStatus = { code: SpanStatusCode.UNSET }
const failure: SpanStatus = { code: SpanStatusCode.ERROR }

/** The span of a request. */
export function toReadableSpan(
  measured: Measurement,
  span: DecodedSpan,
  about: About,
): ReadableSpan {
  const { startMs, durationMs, status } = measured
  const { name, traceId, spanId, parentId, droppedAttributes } = span
  const parts: SpanParts = {
    name,
    kind: SpanKind.SERVER,
    context: contextOf(traceId, spanId, false),
    parent: parentId === undefined ? undefined : contextOf(traceId, parentId, true),
    startMs,
    durationMs,
    // Of a server's span: what the client did wrong is no failure of ours.
    failed: status >= serverErrorMin,
    attributes: {
      ...measurementAttributes(measured),
      ...sizes(measured),
      ...withoutSecrets(span.attributes),
    },
    droppedAttributes,
  }
  return composeSpan(parts, about)
}

/** A span as the SDK has it. */
export function composeSpan(parts: SpanParts, { resource, scope }: About): ReadableSpan {
  const { name, kind, context, parent, startMs, durationMs, failed, attributes } = parts
  return {
    name,
    kind,
    spanContext: () => context,
    ...(parent !== undefined && { parentSpanContext: parent }),
    startTime: toHrTime(startMs),
    endTime: toHrTime(startMs + durationMs),
    duration: toHrTime(durationMs),
    ended: true,
    status: failed ? failure : unset,
    attributes,
    links: [],
    events: [],
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: parts.droppedAttributes,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

/** Attributes that spans and metrics have in common; of each there are few values. */
export function measurementAttributes(measured: Measurement): Attributes {
  const { method, scheme, status, version, route } = measured
  return {
    'http.request.method': method,
    'url.scheme': scheme,
    'http.response.status_code': status,
    'network.protocol.version': version,
    ...(route !== '' && { 'http.route': route }),
    ...(status >= serverErrorMin && { 'error.type': String(status) }),
  }
}

function sizes({ receivedBytes, sentBytes }: Measurement): Attributes {
  return { 'http.request.body.size': receivedBytes, 'http.response.body.size': sentBytes }
}

/** The conventions name these as carrying signatures. */
const secretParameters = /(^|&)(AWSAccessKeyId|Signature|sig|X-Goog-Signature)=[^&]*/g

function withoutSecrets(attributes: DecodedSpan['attributes']): Attributes {
  const query = attributes['url.query']
  if (typeof query !== 'string') return attributes
  return { ...attributes, 'url.query': hideSecrets(query) }
}

/** A query without what is secret of it. */
export function hideSecrets(query: string): string {
  return query.replaceAll(secretParameters, '$1$2=REDACTED')
}

export function contextOf(traceId: string, spanId: string, isRemote: boolean): SpanContext {
  return { traceId, spanId, isRemote, traceFlags: TraceFlags.SAMPLED }
}

/** Seconds, and nanoseconds of the last one. */
function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1_000_000)]
}
