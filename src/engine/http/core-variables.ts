/** Variables of the HTTP core: what a request, its connection and its response are. */
import { randomBytes } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { hostname } from 'node:os'
import { timeIso8601, timeLocal } from '../core/clock.ts'
import { type VariablePrefix, appendValue } from '../core/variables.ts'
import { errnoText } from '../net/errors.ts'
import { credentialsOf } from './auth/credentials.ts'
import { proxyProtocolTlvs } from './connection-variables.ts'
import { documentRoot, requestFilename } from './file-path.ts'
import { type KnownName, nameId } from './header-names.ts'
import { methodText, methods } from './methods.ts'
import type { RequestVariables } from './module.ts'
import type { Request } from './request.ts'
import type { RequestHead } from './request-head.ts'
import { direct, fixed, live, type Reader, seconds } from './variable-definition.ts'

const hostId = nameId('host')
const lengthId = nameId('content-length')
const idBytes = 16

const startedName = hostname()

const requestLine: Reader = ({ head }) => head.text(head.methodStart, head.lineEnd)

const targetPath: Reader = ({ head }) => {
  const start = head.authorityStart < 0 ? head.targetStart : head.pathStart
  return head.targetEnd > start ? head.text(start, head.targetEnd) : '/'
}

const hostOrName: Reader = ({ host, server }) => (host === '' ? server.name : host)

/** No query is no value: logs tell it from what is empty. */
const query: Reader = ({ args }) => (args === '' ? undefined : args)

export const coreVariables: RequestVariables = {
  args: {
    ...live(query, 'Query of the request.'),
    changeable: true,
    set: (request, value) => {
      request.args = value
      request.hasArgs = value !== ''
      request.plainUri = false
    },
  },
  query_string: live(query, 'Query of the request.'),
  is_args: live(({ hasArgs }) => (hasArgs ? '?' : ''), '"?" when there is a query.'),
  uri: live(({ uri }) => uri, 'Path of the request, decoded and normal.'),
  document_uri: live(({ uri }) => uri, 'Path of the request, decoded and normal.'),
  request_uri: fixed(targetPath, 'Path and query as the client sent them.'),
  request: direct(fixed(requestLine, 'First line of the request.'), ({ head }, sink) => {
    sink.range(head.bytes, head.methodStart, head.lineEnd)
    return true
  }),
  request_method: live(
    ({ method, head }) =>
      method === methods.other ? head.text(head.methodStart, head.methodEnd) : methodText(method),
    'Method of the request.',
  ),
  request_length: counter(
    ({ head, body }) => head.end + body.taken,
    'Bytes of the request: head and body.',
  ),
  request_time: live(
    ({ startedAt }) => seconds(Date.now() - startedAt),
    'Seconds since the first byte.',
  ),
  request_completion: live(
    ({ completed }) => (completed ? 'OK' : ''),
    '"OK" when it was answered whole.',
  ),
  request_id: fixed(() => randomBytes(idBytes).toString('hex'), 'Random number of the request.'),
  request_port: fixed(requestPort, 'Port in the target or in "Host".'),
  is_request_port: fixed(
    (request) => (requestPort(request) === '' ? '' : ':'),
    '":" where there is such a port.',
  ),
  request_body: live(
    ({ storedBody }) => storedBody?.memory?.toString(),
    'Body of the request, where it was read and is in memory.',
  ),
  request_body_file: live(
    ({ storedBody }) => storedBody?.path,
    'File that holds the body of the request.',
  ),
  request_filename: live(requestFilename, 'File that the request means.'),
  document_root: live(documentRoot, 'Value of root or alias.'),
  realpath_root: live(realRoot, 'Value of root or alias, symbolic links followed.'),
  host: fixed(hostOrName, 'Host asked for, or the name of the server.'),
  http_host: knownField('host'),
  http_user_agent: knownField('user-agent'),
  http_referer: knownField('referer'),
  http_x_forwarded_for: knownField('x-forwarded-for'),
  http_cookie: knownField('cookie', '; '),
  hostname: fixed(() => startedName, 'Name of this machine.'),
  server_name: fixed(({ server }) => server.name, 'First name of the server.'),
  server_protocol: fixed(({ carrier }) => carrier.protocol, 'Protocol of the request.'),
  scheme: fixed(({ scheme }) => scheme, '"http" or "https".'),
  https: fixed(({ scheme }) => (scheme === 'https' ? 'on' : ''), '"on" with TLS.'),
  status: direct(
    live((request) => String(statusOf(request)).padStart(3, '0'), 'Status of the response.'),
    (request, sink) => {
      sink.number(statusOf(request), 3)
      return true
    },
  ),
  body_bytes_sent: counter(({ bodyBytesSent }) => bodyBytesSent, 'Bytes of the body sent.'),
  bytes_sent: counter(({ bytesSent }) => bytesSent, 'Bytes sent.'),
  msec: live(() => seconds(Date.now()), 'Time in seconds.'),
  time_local: live(() => timeLocal(), 'Local time as access logs write it.'),
  time_iso8601: live(() => timeIso8601(), 'Local time in ISO 8601.'),
  pid: fixed(() => String(process.pid), 'Number of this process.'),
  nginx_version: fixed(
    ({ connection }) => connection.engine.services.product.version,
    'Version of the engine.',
  ),
  remote_user: fixed((request) => credentialsOf(request)?.user, 'User of basic authentication.'),
  content_length: live(contentLength, 'Length of the body.'),
  content_type: fixed(({ head }) => head.value(nameId('content-type')), 'Type of the body.'),
}

/** The one that `error_page` has chosen, if it has. */
function statusOf({ response, errorStatus }: Request): number {
  return errorStatus === 0 ? response.status : errorStatus
}

/** A whole number that grows. */
function counter(count: (request: Request) => number, doc: string): RequestVariables[string] {
  return direct(
    live((request) => String(count(request)), doc),
    (request, sink) => {
      sink.number(count(request))
      return true
    },
  )
}

/** Of a body in chunks it is known when the body was read. */
function contentLength({ head, framing, storedBody }: Request): string | undefined {
  return framing.chunked ? storedBody?.length.toString() : head.value(lengthId)
}

function requestPort({ head }: Request): string {
  const authority =
    head.authorityStart < 0
      ? (head.value(hostId) ?? '')
      : head.text(head.authorityStart, head.authorityEnd)
  return /:(\d+)$/.exec(authority)?.[1] ?? ''
}

function realRoot(request: Request): string | undefined {
  const root = documentRoot(request)
  try {
    return realpathSync(root)
  } catch (error) {
    const reason = errnoText(error as NodeJS.ErrnoException)
    request.logError(`realpath() "${root}" failed (${reason})`, 'crit')
    return undefined
  }
}

/** A field that is found without a look at the others. */
function knownField(name: KnownName, separator = ', '): RequestVariables[string] {
  const id = nameId(name)
  const lower = name.replaceAll('-', '_')
  const read: Reader = ({ head }) =>
    head.repeats(id) ? headerValues(head, lower, separator) : head.value(id)
  return direct(fixed(read, `The "${name}" field of the request.`), ({ head }, sink) =>
    head.repeats(id)
      ? appendValue(headerValues(head, lower, separator), sink)
      : head.appendValue(id, sink),
  )
}

/** Values of all fields of a name, joined; `name` has underscores for hyphens. */
export function headerValues(
  head: RequestHead,
  name: string,
  separator: string,
): string | undefined {
  let joined: string | undefined
  for (let field = 0; field < head.count; field++) {
    const [start, end] = [head.nameStart(field), head.nameEnd(field)]
    if (end - start !== name.length || !sameName(head.bytes, start, name)) continue
    const value = head.text(head.valueStart(field), head.valueEnd(field))
    joined = joined === undefined ? value : `${joined}${separator}${value}`
  }
  return joined
}

function sameName(bytes: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = bytes[start + i]!
    const folded = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte === 0x2d ? 0x5f : byte
    if (folded !== name.charCodeAt(i)) return false
  }
  return true
}

/** First value of an argument of the query, as it stands there; one without "=" has none. */
export function queryArgument(args: string, name: string): string | undefined {
  for (const part of args.split('&')) {
    const equals = part.indexOf('=')
    if (equals === name.length && part.slice(0, equals).toLowerCase() === name) {
      return part.slice(equals + 1)
    }
  }
  return undefined
}

/** Value of a cookie, its name in lower case: up to the next ";". */
export function cookieValue(request: Request, name: string): string | undefined {
  const cookies = headerValues(request.head, 'cookie', '; ')
  if (cookies === undefined) return undefined
  for (let at = 0; at < cookies.length;) {
    while (cookies[at] === ' ') at++
    const start = at
    while (at < cookies.length && cookies[at] !== ';' && cookies[at] !== ',') at++
    const value = cookieAt(cookies, start, name)
    if (value !== undefined) return value
    at += 1
  }
  return undefined
}

function cookieAt(cookies: string, start: number, name: string): string | undefined {
  const end = start + name.length
  if (cookies.slice(start, end).toLowerCase() !== name) return undefined
  return /^ *= *([^;]*)/.exec(cookies.slice(end))?.[1]
}

function sentHeader(request: Request, name: string): string | undefined {
  const { response, keepAlive } = request
  switch (name) {
    case 'content_type':
      return response.charset === undefined
        ? response.contentType
        : `${response.contentType}; charset=${response.charset}`
    case 'content_length':
      return response.contentLength < 0 ? undefined : String(response.contentLength)
    case 'last_modified':
      return response.lastModified < 0 ? undefined : new Date(response.lastModified).toUTCString()
    case 'location':
      return response.location
    case 'etag':
      return response.etag
    case 'connection':
      if (response.status === 101) return 'upgrade'
      return keepAlive ? 'keep-alive' : 'close'
    case 'keep_alive':
      return keepAliveField(request)
    case 'transfer_encoding':
      return response.chunked ? 'chunked' : undefined
    default:
      return joinNamed(response.names, response.values, name)
  }
}

function keepAliveField({ keepAlive, location }: Request): string | undefined {
  const { headerSeconds } = location.core.keepalive_timeout
  return keepAlive && headerSeconds > 0 ? `timeout=${headerSeconds}` : undefined
}

/** Values of all fields of a name, which has underscores for hyphens. */
function joinNamed(
  names: readonly string[],
  values: readonly string[],
  name: string,
): string | undefined {
  const found = values.filter((_, i) => names[i]!.toLowerCase().replaceAll('-', '_') === name)
  return found.length === 0 ? undefined : found.join(', ')
}

export const corePrefixes: readonly VariablePrefix<Request>[] = [
  {
    prefix: 'arg_',
    get: ({ args }, name) => (args === '' ? undefined : queryArgument(args, name.slice(4))),
    volatile: true,
    changeable: true,
    doc: 'Argument of the query.',
  },
  {
    prefix: 'http_',
    get: ({ head }, name) => headerValues(head, name.slice(5), ', '),
    changeable: true,
    doc: 'Field of the request.',
  },
  {
    prefix: 'cookie_',
    get: (request, name) => cookieValue(request, name.slice(7)),
    changeable: true,
    doc: 'Cookie of the request.',
  },
  {
    prefix: 'sent_http_',
    get: (request, name) => sentHeader(request, name.slice(10)),
    volatile: true,
    changeable: true,
    doc: 'Field of the response.',
  },
  {
    prefix: 'sent_trailer_',
    get: ({ response }, name) =>
      joinNamed(response.trailerNames, response.trailerValues, name.slice(13)),
    volatile: true,
    changeable: true,
    doc: 'Field behind the body of the response.',
  },
  proxyProtocolTlvs,
]
