/**
 * The fields that tell an upstream where a request stands in its trace.
 *
 * ```text
 *   w3c       traceparent: 00-…-…-01     tracestate: what came with the parent that we continue
 *   b3        b3: …-…-1
 *   b3multi   X-B3-TraceId: …   X-B3-SpanId: …   X-B3-Sampled: 1
 * ```
 *
 * The span that they name is that of the attempt in work, so that each server that is asked hangs below the
 * attempt that it was asked by; where none is recorded, that of the request.
 *
 * The client's own fields of that way are never passed on beside them. Those of a request that is not
 * traced go on as they came.
 */
import { ByteSink } from '../../core/byte-sink.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import { headerValues } from '../core-variables.ts'
import type { Request } from '../request.ts'
import { parentFor } from './attempt-tracing.ts'
import type { RequestSpan } from './request-span.ts'
import type { Propagation } from './trace-context.ts'

export interface ContextField {
  readonly name: string
  readonly value: ComplexValue
}

/** Appends the value of a field; nothing for a field that is not sent. */
type Append = (span: RequestSpan, sink: ByteSink, request: Request) => void

const nothing: Append = () => {}

const b3Parts: Readonly<Record<string, Append>> = {
  'X-B3-TraceId': (span, sink) => span.appendTraceId(sink),
  'X-B3-SpanId': (span, sink, request) => span.appendSpanId(sink, parentFor(request, span)),
  'X-B3-Sampled': (span, sink) => span.appendSampled(sink),
}

const fields: Readonly<Record<Propagation, Readonly<Record<string, Append>>>> = {
  w3c: {
    traceparent: (span, sink, request) => span.appendTraceparent(sink, parentFor(request, span)),
    // The state of a trace goes with it; that of one that is not continued would be somebody else's.
    tracestate: (span, sink, request) => {
      if (span.continued) sink.text(ownField(request, 'tracestate'))
    },
  },
  b3: {
    b3: (span, sink, request) => span.appendB3(sink, parentFor(request, span)),
    ...Object.fromEntries(Object.keys(b3Parts).map((name) => [name, nothing])),
    'X-B3-ParentSpanId': nothing,
    'X-B3-Flags': nothing,
  },
  b3multi: { ...b3Parts, b3: nothing, 'X-B3-ParentSpanId': nothing, 'X-B3-Flags': nothing },
}

/** Composed once for a location; `spanOf` finds the span of a request. */
export function contextFields(
  way: Propagation,
  spanOf: (request: Request) => RequestSpan | undefined,
): readonly ContextField[] {
  return Object.entries(fields[way]).map(([name, append]) => {
    const lower = name.toLowerCase().replaceAll('-', '_')
    const appendValue: ComplexValue['append'] = (host, sink) => {
      const request = host as Request
      const span = spanOf(request)
      if (span?.known === true) append(span, sink, request)
      else sink.text(ownField(request, lower))
    }
    return { name, value: valueOf(name, appendValue) }
  })
}

function valueOf(name: string, append: ComplexValue['append']): ComplexValue {
  return {
    text: `the ${name} of the request’s trace`,
    constant: undefined,
    slots: [],
    append,
    evaluate: (host) => {
      const sink = new ByteSink(Buffer.alloc(0))
      append(host, sink)
      return sink.bytes.toString('utf8', 0, sink.length)
    },
  }
}

function ownField({ head }: Request, name: string): string {
  return headerValues(head, name, ', ') ?? ''
}
