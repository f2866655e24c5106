/** A try to pass a request on, as the SDK's exporters take spans: that of an HTTP client, by the conventions. */
import { type Attributes, SpanKind } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { AttemptRecord } from '../../http/telemetry/attempt-record.ts'
import { type About, composeSpan, contextOf, hideSecrets } from './readable-span.ts'

/** For a client every status that says no is a failure. */
const errorMin = 400

/** Host and port of a text; a path for a unix socket. */
interface Place {
  readonly host: string
  readonly port: number | undefined
}

export function toAttemptSpan(attempt: AttemptRecord, about: About): ReadableSpan {
  const { method, traceId, spanId, parentId, startMs, durationMs } = attempt
  const error = errorOf(attempt)
  return composeSpan(
    {
      name: method === '_OTHER' ? 'HTTP' : method,
      kind: SpanKind.CLIENT,
      context: contextOf(traceId, spanId, false),
      parent: contextOf(traceId, parentId, false),
      startMs,
      durationMs,
      failed: error !== undefined,
      attributes: attributesOf(attempt, error),
      droppedAttributes: 0,
    },
    about,
  )
}

function errorOf({ fault, status }: AttemptRecord): string | undefined {
  if (fault !== '') return fault
  return status >= errorMin ? String(status) : undefined
}

function attributesOf(attempt: AttemptRecord, error: string | undefined): Attributes {
  const { method, original, status, resends, version, server, peer } = attempt
  const { host, port } = placeOf(peer)
  return {
    'http.request.method': method,
    ...(original !== '' && { 'http.request.method_original': original }),
    'url.full': urlOf(attempt),
    'server.address': placeOf(server).host,
    'network.peer.address': host,
    ...(port !== undefined && { 'server.port': port, 'network.peer.port': port }),
    'network.protocol.version': version,
    ...(status > 0 && { 'http.response.status_code': status }),
    ...(resends > 0 && { 'http.request.resend_count': resends }),
    ...(error !== undefined && { 'error.type': error }),
  }
}

const unixPrefix = 'unix:'

/** `a:80`, `[::1]:80`, `a` or `unix:/path`. */
function placeOf(text: string): Place {
  if (text.startsWith(unixPrefix)) return { host: text.slice(unixPrefix.length), port: undefined }
  const [, literal, name, port] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? []
  return {
    host: literal ?? name ?? text,
    port: port === undefined ? undefined : Number(port),
  }
}

/** Of the server that was asked; gRPC goes over HTTP. */
function urlOf({ scheme, server, target }: AttemptRecord): string {
  const known = /^(https|grpcs):/i.test(scheme) ? 'https' : 'http'
  const host = server.startsWith(unixPrefix) ? 'localhost' : server
  const query = target.indexOf('?') + 1
  const shown =
    query === 0 ? target : `${target.slice(0, query)}${hideSecrets(target.slice(query))}`
  return `${known}://${host}${shown}`
}
