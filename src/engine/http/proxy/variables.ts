/** `$proxy_*` and `$upstream_*`: one value for each server that was tried, joined as nginx prints them. */
import type { ByteSink } from '../../core/byte-sink.ts'
import type { VariablePrefix } from '../../core/variables.ts'
import { formatHost } from '../../net/address.ts'
import { headerValues } from '../core-variables.ts'
import { nameId } from '../header-names.ts'
import type { RequestVariables } from '../module.ts'
import type { Request } from '../request.ts'
import type { UpstreamAttempt } from '../upstream-trail.ts'

type Read = (attempt: UpstreamAttempt) => string

function seconds(ms: number): string {
  return ms < 0 ? '-' : (ms / 1000).toFixed(3)
}

const readers: Readonly<Record<string, readonly [Read, string]>> = {
  upstream_addr: [({ peer }) => peer, 'Addresses of the upstreams that were tried.'],
  upstream_status: [({ status }) => (status === 0 ? '-' : String(status)), 'What they answered.'],
  upstream_connect_time: [({ connectMs }) => seconds(connectMs), 'Seconds until connected.'],
  upstream_header_time: [({ headerMs }) => seconds(headerMs), 'Seconds until the head had come.'],
  upstream_response_time: [
    ({ responseMs }) => seconds(responseMs),
    'Seconds until the response had come.',
  ],
  upstream_response_length: [
    ({ responseLength }) => String(responseLength),
    'Bytes of the responses’ bodies.',
  ],
  upstream_bytes_sent: [({ bytesSent }) => String(bytesSent), 'Bytes sent to upstreams.'],
  upstream_bytes_received: [
    ({ bytesReceived }) => String(bytesReceived),
    'Bytes received from upstreams.',
  ],
}

function joined(request: Request, read: Read): string | undefined {
  const { trail } = request
  if (trail === undefined || trail.count === 0) return undefined
  let text = read(trail.attempts[0]!)
  for (let i = 1; i < trail.count; i++) {
    const attempt = trail.attempts[i]!
    text += `${attempt.redirected ? ' : ' : ', '}${read(attempt)}`
  }
  return text
}

const perAttempt: RequestVariables = Object.fromEntries(
  Object.entries(readers).map(([name, [read, doc]]) => [
    name,
    { get: (request: Request) => joined(request, read), volatile: true, doc },
  ]),
)

const forwardedForId = nameId('x-forwarded-for')

function forwardedFor(request: Request): string {
  const before = headerValues(request.head, 'x_forwarded_for', ', ')
  const address = formatHost(request.remote)
  return before === undefined ? address : `${before}, ${address}`
}

function appendForwardedFor({ head, remote }: Request, sink: ByteSink): boolean {
  if (head.repeats(forwardedForId)) sink.text(headerValues(head, 'x_forwarded_for', ', ')!)
  else head.appendValue(forwardedForId, sink)
  if (head.first[forwardedForId]! >= 0) sink.text(', ')
  sink.text(formatHost(remote))
  return true
}

export const proxyVariables: RequestVariables = {
  ...perAttempt,
  proxy_host: {
    get: ({ trail }) => trail?.proxyHost,
    volatile: true,
    doc: 'Host of `proxy_pass`, with its port where it has one.',
  },
  proxy_port: {
    get: ({ trail }) => trail?.proxyPort,
    volatile: true,
    doc: 'Port of `proxy_pass`.',
  },
  proxy_add_x_forwarded_for: {
    get: forwardedFor,
    append: appendForwardedFor,
    volatile: true,
    doc: '"X-Forwarded-For" with the address of the client behind it.',
  },
}

/** All values of a field, joined as nginx joins them. */
function upstreamHeader({ trail }: Request, name: string): string | undefined {
  if (trail === undefined || !trail.hasHead) return undefined
  const { head } = trail
  const wanted = Buffer.from(name.replaceAll('_', '-'), 'latin1')
  let text: string | undefined
  for (let field = 0; field < head.count; field++) {
    if (!head.isNamed(field, wanted)) continue
    text = text === undefined ? head.value(field) : `${text}, ${head.value(field)}`
  }
  return text
}

function upstreamCookie({ trail }: Request, name: string): string | undefined {
  if (trail === undefined || !trail.hasHead) return undefined
  const { head } = trail
  for (let field = 0; field < head.count; field++) {
    if (!head.isNamed(field, setCookie)) continue
    const [pair = ''] = head.value(field).split(';', 1)
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim().toLowerCase() === name) {
      return pair.slice(equals + 1).trim()
    }
  }
  return undefined
}

const setCookie = Buffer.from('set-cookie', 'latin1')

function upstreamTrailer({ trail }: Request, name: string): string | undefined {
  const wanted = name.replaceAll('_', '-')
  const at = trail?.trailerNames.findIndex((one) => one.toLowerCase() === wanted) ?? -1
  return at < 0 ? undefined : trail!.trailerValues[at]
}

export const proxyPrefixes: readonly VariablePrefix<Request>[] = [
  {
    prefix: 'upstream_http_',
    get: (request, name) => upstreamHeader(request, name.slice('upstream_http_'.length)),
    volatile: true,
    doc: 'Field of the upstream’s response.',
  },
  {
    prefix: 'upstream_cookie_',
    get: (request, name) => upstreamCookie(request, name.slice('upstream_cookie_'.length)),
    volatile: true,
    doc: 'Cookie that the upstream sets.',
  },
  {
    prefix: 'upstream_trailer_',
    get: (request, name) => upstreamTrailer(request, name.slice('upstream_trailer_'.length)),
    volatile: true,
    doc: 'Field behind the body of the upstream’s response.',
  },
]
