/**
 * A collector's stand-in: takes OTLP over HTTP, in protobuf and in JSON, and shows what came.
 *
 * The fields are those of opentelemetry-proto, `collector/trace/v1` and `collector/metrics/v1`.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { type MessageType, readMessage } from './protobuf.ts'
import { onEnd, type Owner } from './scope.ts'
import { until } from './wait.ts'

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** `undefined` for a root. */
  readonly parentId: string | undefined
  readonly name: string
  /** As in the protocol: 2 is a server’s, 3 a client’s. */
  readonly kind: number
  /** 2 is an error. */
  readonly status: number
  /** Nanoseconds since the epoch. */
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
}

export interface ReceivedPoint {
  readonly name: string
  readonly unit: string
  readonly attributes: Readonly<Record<string, unknown>>
  /** Of a histogram: how often, and what in all. Of a sum: the value. */
  readonly count: number
  readonly sum: number
}

const anyValue = (): MessageType => ({
  1: { name: 'stringValue', type: 'string' },
  2: { name: 'boolValue', type: 'bool' },
  3: { name: 'intValue', type: 'int' },
  4: { name: 'doubleValue', type: 'double' },
  5: {
    name: 'arrayValue',
    type: () => ({ 1: { name: 'values', type: anyValue, repeated: true } }),
  },
})

const keyValue = (): MessageType => ({
  1: { name: 'key', type: 'string' },
  2: { name: 'value', type: anyValue },
})

const resource = (): MessageType => ({ 1: { name: 'attributes', type: keyValue, repeated: true } })

const span = (): MessageType => ({
  1: { name: 'traceId', type: 'hex' },
  2: { name: 'spanId', type: 'hex' },
  4: { name: 'parentSpanId', type: 'hex' },
  5: { name: 'name', type: 'string' },
  6: { name: 'kind', type: 'int' },
  7: { name: 'startTimeUnixNano', type: 'fixed64' },
  8: { name: 'endTimeUnixNano', type: 'fixed64' },
  9: { name: 'attributes', type: keyValue, repeated: true },
  15: { name: 'status', type: () => ({ 3: { name: 'code', type: 'int' } }) },
})

const traces = wrapped('resourceSpans', 'scopeSpans', { name: 'spans', type: span })

const histogramPoint = (): MessageType => ({
  4: { name: 'count', type: 'fixed64' },
  5: { name: 'sum', type: 'double' },
  6: { name: 'bucketCounts', type: 'fixed64s' },
  7: { name: 'explicitBounds', type: 'doubles' },
  9: { name: 'attributes', type: keyValue, repeated: true },
})

const numberPoint = (): MessageType => ({
  4: { name: 'asDouble', type: 'double' },
  6: { name: 'asInt', type: 'fixed64' },
  7: { name: 'attributes', type: keyValue, repeated: true },
})

const points = (type: () => MessageType) => (): MessageType => ({
  1: { name: 'dataPoints', type, repeated: true },
})

const metric = (): MessageType => ({
  1: { name: 'name', type: 'string' },
  3: { name: 'unit', type: 'string' },
  7: { name: 'sum', type: points(numberPoint) },
  9: { name: 'histogram', type: points(histogramPoint) },
})

const metrics = wrapped('resourceMetrics', 'scopeMetrics', { name: 'metrics', type: metric })

/** Both services wrap what they carry in resources and scopes. */
function wrapped(
  outer: string,
  inner: string,
  carried: { readonly name: string; readonly type: () => MessageType },
): MessageType {
  const scope = (): MessageType => ({ 2: { ...carried, repeated: true } })
  const type = (): MessageType => ({
    1: { name: 'resource', type: resource },
    2: { name: inner, type: scope, repeated: true },
  })
  return { 1: { name: outer, type, repeated: true } }
}

export class OtlpReceiver {
  /** In order of arrival. */
  readonly spans: ReceivedSpan[] = []
  /** Of the exports so far; later ones have larger counts of the same series. */
  readonly points: ReceivedPoint[] = []
  /** Media type, path and fields of each request. */
  readonly requests: IncomingMessage[] = []
  /** What is answered; with another than 200 nothing is taken. */
  status: number = 200
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async listen(port: number = 0): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** Is gone, as far as anybody can see. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  /** Of requests that came in. */
  get serverSpans(): readonly ReceivedSpan[] {
    return this.spans.filter(({ kind }) => kind === 2)
  }

  /** Of attempts to pass them on. */
  get clientSpans(): readonly ReceivedSpan[] {
    return this.spans.filter(({ kind }) => kind === 3)
  }

  /** Resolves with the spans of requests when there are so many. */
  async whenServerSpans(count: number): Promise<readonly ReceivedSpan[]> {
    await until(() => this.serverSpans.length >= count, { what: `spans of ${count} requests` })
    return this.serverSpans
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const whole = Buffer.concat(parts)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole
    this.requests.push(request)
    if (this.status === 200) this.#read(request, body)
    response.writeHead(this.status, { 'Content-Type': request.headers['content-type'] })
    response.end(request.headers['content-type'] === 'application/json' ? '{}' : '')
  }

  #read({ url, headers }: IncomingMessage, body: Buffer): void {
    const json = headers['content-type'] === 'application/json'
    if (url === '/v1/traces') {
      const message = json ? JSON.parse(body.toString()) : readMessage(body, traces)
      this.spans.push(...toSpans(message as Traces))
    } else if (url === '/v1/metrics') {
      const message = json ? JSON.parse(body.toString()) : readMessage(body, metrics)
      this.points.push(...toPoints(message as Metrics))
    } else throw new Error(`nobody exports to ${url}`)
  }
}

/** Starts one; it ends with the test. */
export async function startOtlpReceiver(owner: Owner): Promise<OtlpReceiver> {
  const receiver = new OtlpReceiver()
  await receiver.listen()
  onEnd(owner, () => receiver.close())
  return receiver
}

/* The JSON mapping of the messages, as far as it is looked at. */

interface AnyValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: number | string
  readonly doubleValue?: number
  readonly arrayValue?: { readonly values?: readonly AnyValue[] }
}

type Attributes = readonly { readonly key: string; readonly value: AnyValue }[]

interface Carried<Inner> {
  readonly resource?: { readonly attributes?: Attributes }
  readonly scopeSpans?: readonly { readonly spans?: readonly Inner[] }[]
  readonly scopeMetrics?: readonly { readonly metrics?: readonly Inner[] }[]
}

interface Traces {
  readonly resourceSpans?: readonly Carried<WireSpan>[]
}

interface Metrics {
  readonly resourceMetrics?: readonly Carried<WireMetric>[]
}

interface WireSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly status?: { readonly code?: number }
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes?: Attributes
}

interface WirePoint {
  readonly attributes?: Attributes
  readonly count?: number | string
  readonly sum?: number
  readonly asDouble?: number
  readonly asInt?: number | string
}

interface WireMetric {
  readonly name: string
  readonly unit: string
  readonly histogram?: { readonly dataPoints?: readonly WirePoint[] }
  readonly sum?: { readonly dataPoints?: readonly WirePoint[] }
}

function toSpans({ resourceSpans = [] }: Traces): readonly ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource: from, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ spans = [] }) =>
      spans.map((each) => ({
        traceId: each.traceId,
        spanId: each.spanId,
        parentId: each.parentSpanId === '' ? undefined : each.parentSpanId,
        name: each.name,
        kind: each.kind,
        status: each.status?.code ?? 0,
        start: BigInt(each.startTimeUnixNano),
        end: BigInt(each.endTimeUnixNano),
        attributes: toAttributes(each.attributes),
        resource: toAttributes(from?.attributes),
      })),
    ),
  )
}

function toPoints({ resourceMetrics = [] }: Metrics): readonly ReceivedPoint[] {
  return resourceMetrics.flatMap(({ scopeMetrics = [] }) =>
    scopeMetrics.flatMap(({ metrics: found = [] }) =>
      found.flatMap(({ name, unit, histogram, sum }) =>
        ((histogram ?? sum)?.dataPoints ?? []).map((point) => ({
          name,
          unit,
          attributes: toAttributes(point.attributes),
          count: Number(point.count ?? 0),
          sum: Number(point.sum ?? point.asDouble ?? point.asInt ?? 0),
        })),
      ),
    ),
  )
}

function toAttributes(attributes: Attributes = []): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, toValue(value)]))
}

function toValue(value: AnyValue): unknown {
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(toValue)
  if (value.intValue !== undefined) return Number(value.intValue)
  return value.stringValue ?? value.doubleValue ?? value.boolValue
}
