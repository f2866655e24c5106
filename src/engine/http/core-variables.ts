/** Variables of the HTTP core: what a request, its connection and its response are. */
import { hostname } from 'node:os'
import { timeIso8601, timeLocal } from '../core/clock.ts'
import type { VariablePrefix } from '../core/variables.ts'
import { formatHost, type Address } from '../net/address.ts'
import { documentRoot, requestFilename } from './file-path.ts'
import { nameId } from './header-names.ts'
import { methodText, methods } from './methods.ts'
import type { RequestVariables } from './module.ts'
import type { Request } from './request.ts'
import { visibleStatus } from './status.ts'

const hostId = nameId('host')

type Reader = (request: Request, name: string) => string | undefined

/** Cannot change while the request lives. */
function fixed(get: Reader, doc: string): RequestVariables[string] {
  return { get, doc }
}

/** Read anew each time. */
function live(get: Reader, doc: string): RequestVariables[string] {
  return { get, doc, volatile: true }
}

function portOf(address: Address): string {
  // No port: of a unix socket, and of an address that a proxy has told without one.
  return address.family === 'unix' || address.port === 0 ? '' : String(address.port)
}

function seconds(ms: number): string {
  return (Math.max(ms, 0) / 1000).toFixed(3)
}

const startedName = hostname()

/** The client's address as bytes, for keys of limits. */
function binaryAddress(text: string): string {
  return text.includes(':') ? text : String.fromCharCode(...text.split('.').map(Number))
}

const requestLine: Reader = ({ head }) => head.text(head.methodStart, head.lineEnd)

const targetPath: Reader = ({ head }) => {
  const start = head.authorityStart < 0 ? head.targetStart : head.pathStart
  return head.targetEnd > start ? head.text(start, head.targetEnd) : '/'
}

const hostOrName: Reader = ({ host, server }) => (host === '' ? server.name : host)

export const coreVariables: RequestVariables = {
  args: {
    ...live(({ args }) => args, 'Query of the request.'),
    changeable: true,
    set: (request, value) => {
      request.args = value
      request.hasArgs = value !== ''
    },
  },
  query_string: live(({ args }) => args, 'Query of the request.'),
  is_args: live(({ hasArgs }) => (hasArgs ? '?' : ''), '"?" when there is a query.'),
  uri: live(({ uri }) => uri, 'Path of the request, decoded and normal.'),
  document_uri: live(({ uri }) => uri, 'Path of the request, decoded and normal.'),
  request_uri: fixed(targetPath, 'Path and query as the client sent them.'),
  request: fixed(requestLine, 'First line of the request.'),
  request_method: live(
    ({ method, head }) =>
      method === methods.other ? head.text(head.methodStart, head.methodEnd) : methodText(method),
    'Method of the request.',
  ),
  request_length: live(
    ({ head, body }) => String(head.end + body.received),
    'Bytes of the request: head and body.',
  ),
  request_time: live(
    ({ startedAt }) => seconds(Date.now() - startedAt),
    'Seconds since the first byte.',
  ),
  request_completion: live(
    ({ finished }) => (finished ? 'OK' : ''),
    '"OK" when it was answered whole.',
  ),
  request_filename: live(requestFilename, 'File that the request means.'),
  document_root: live(documentRoot, 'Value of root or alias.'),
  host: fixed(hostOrName, 'Host asked for, or the name of the server.'),
  hostname: fixed(() => startedName, 'Name of this machine.'),
  http_host: fixed(({ head }) => head.value(hostId), 'The "Host" field as it came.'),
  remote_addr: live(({ remote }) => formatHost(remote), 'Address of the client.'),
  remote_port: live(({ remote }) => portOf(remote), 'Port of the client.'),
  binary_remote_addr: live(
    ({ remote }) => binaryAddress(formatHost(remote)),
    'Address in binary form.',
  ),
  realip_remote_addr: live(
    ({ connection }) => formatHost(connection.remote),
    'Address before realip.',
  ),
  realip_remote_port: live(({ connection }) => portOf(connection.remote), 'Port before realip.'),
  proxy_protocol_addr: fixed(
    ({ connection }) => connection.proxy?.source && formatHost(connection.proxy.source),
    'Address of the client by the PROXY protocol.',
  ),
  proxy_protocol_port: fixed(
    ({ connection }) => connection.proxy?.source && portOf(connection.proxy.source),
    'Port of the client by the PROXY protocol.',
  ),
  proxy_protocol_server_addr: fixed(
    ({ connection }) => connection.proxy?.destination && formatHost(connection.proxy.destination),
    'Address of the server by the PROXY protocol.',
  ),
  proxy_protocol_server_port: fixed(
    ({ connection }) => connection.proxy?.destination && portOf(connection.proxy.destination),
    'Port of the server by the PROXY protocol.',
  ),
  server_addr: fixed(({ connection }) => formatHost(connection.socket.local), 'Address of ours.'),
  server_port: fixed(({ connection }) => portOf(connection.socket.local), 'Port of ours.'),
  server_name: fixed(({ server }) => server.name, 'First name of the server.'),
  server_protocol: fixed(({ carrier }) => carrier.protocol, 'Protocol of the request.'),
  scheme: fixed(({ scheme }) => scheme, '"http" or "https".'),
  https: fixed(({ scheme }) => (scheme === 'https' ? 'on' : ''), '"on" with TLS.'),
  status: live(({ response }) => String(visibleStatus(response.status)), 'Status of the response.'),
  body_bytes_sent: live(({ bodyBytesSent }) => String(bodyBytesSent), 'Bytes of the body sent.'),
  bytes_sent: live(({ bytesSent }) => String(bytesSent), 'Bytes sent.'),
  connection: fixed(({ connection }) => String(connection.number), 'Number of the connection.'),
  connection_requests: live(
    ({ connection }) => String(connection.requests),
    'Requests made on it.',
  ),
  connection_time: live(({ connection }) => seconds(connection.ageMs), 'Its age in seconds.'),
  msec: live(() => seconds(Date.now()), 'Time in seconds.'),
  time_local: live(() => timeLocal(), 'Local time as access logs write it.'),
  time_iso8601: live(() => timeIso8601(), 'Local time in ISO 8601.'),
  pid: fixed(() => String(process.pid), 'Number of this process.'),
  nginx_version: fixed(
    ({ connection }) => connection.engine.services.product.version,
    'Version of the engine.',
  ),
  pipe: live(({ connection }) => (connection.pipelined ? 'p' : '.'), '"p" when it was pipelined.'),
  remote_user: fixed(remoteUser, 'User of basic authentication.'),
  content_length: fixed(({ head }) => head.value(nameId('content-length')), 'Length of the body.'),
  content_type: fixed(({ head }) => head.value(nameId('content-type')), 'Type of the body.'),
}

function remoteUser({ head }: Request): string | undefined {
  const match = /^basic +([A-Za-z0-9+/=]+)$/i.exec(head.value(nameId('authorization')) ?? '')
  if (match === null) return undefined
  const text = Buffer.from(match[1]!, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : text.slice(0, colon)
}

/** Values of all fields of a name, joined; `name` has underscores for hyphens. */
export function headerValues(
  request: Request,
  name: string,
  separator: string,
): string | undefined {
  const { head } = request
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

/** First value of an argument of the query, as it stands there. */
export function queryArgument(args: string, name: string): string | undefined {
  for (const part of args.split('&')) {
    const equals = part.indexOf('=')
    const key = equals < 0 ? part : part.slice(0, equals)
    if (key.toLowerCase() === name) return equals < 0 ? '' : part.slice(equals + 1)
  }
  return undefined
}

/** Value of a cookie, its name in lower case. */
export function cookieValue(request: Request, name: string): string | undefined {
  const cookies = headerValues(request, 'cookie', '; ') ?? ''
  for (const part of cookies.split(/[;,]/)) {
    const equals = part.indexOf('=')
    if (equals > 0 && part.slice(0, equals).trim().toLowerCase() === name) {
      return part.slice(equals + 1).trim()
    }
  }
  return undefined
}

function sentHeader({ response, keepAlive }: Request, name: string): string | undefined {
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
      return keepAlive ? 'keep-alive' : 'close'
    case 'transfer_encoding':
      return response.chunked ? 'chunked' : undefined
    default:
      return response.get(name.replaceAll('_', '-'))
  }
}

export const corePrefixes: readonly VariablePrefix<Request>[] = [
  {
    prefix: 'arg_',
    get: ({ args }, name) => (args === '' ? undefined : queryArgument(args, name.slice(4))),
    volatile: true,
    doc: 'Argument of the query.',
  },
  {
    prefix: 'http_',
    get: (request, name) => headerValues(request, name.slice(5), ', '),
    doc: 'Field of the request.',
  },
  {
    prefix: 'cookie_',
    get: (request, name) => cookieValue(request, name.slice(7)),
    doc: 'Cookie of the request.',
  },
  {
    prefix: 'sent_http_',
    get: (request, name) => sentHeader(request, name.slice(10)),
    volatile: true,
    doc: 'Field of the response.',
  },
]
