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

const serverErrorMin = 500
const unset: SpanStatus = { code: SpanStatusCode.UNSET }
const failed: SpanStatus = { code: SpanStatusCode.ERROR }

export function toReadableSpan(
  measured: Measurement,
  span: DecodedSpan,
  { resource, scope }: { readonly resource: Resource; readonly scope: Scope },
): ReadableSpan {
  const { startMs, durationMs, status } = measured
  const context = contextOf(span.traceId, span.spanId, false)
  return {
    name: span.name,
    kind: SpanKind.SERVER,
    spanContext: () => context,
    ...(span.parentId !== undefined && {
      parentSpanContext: contextOf(span.traceId, span.parentId, true),
    }),
    startTime: toHrTime(startMs),
    endTime: toHrTime(startMs + durationMs),
    duration: toHrTime(durationMs),
    ended: true,
    // Of a server's span: what the client did wrong is no failure of ours.
    status: status >= serverErrorMin ? failed : unset,
    attributes: {
      ...measurementAttributes(measured),
      ...sizes(measured),
      ...withoutSecrets(span.attributes),
    },
    links: [],
    events: [],
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: span.droppedAttributes,
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
  return { ...attributes, 'url.query': query.replaceAll(secretParameters, '$1$2=REDACTED') }
}

function contextOf(traceId: string, spanId: string, isRemote: boolean): SpanContext {
  return { traceId, spanId, isRemote, traceFlags: TraceFlags.SAMPLED }
}

/** Seconds, and nanoseconds of the last one. */
function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1_000_000)]
}
