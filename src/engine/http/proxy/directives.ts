/** Settings of the proxy, but those of TLS towards upstreams. */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseNumber, parseSize } from '../../conf/units.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { Context, Row, ValueType } from '../../core/module.ts'
import { bindType, type ConnectConf } from '../../modules/proxy-bind.ts'
import {
  complexValue,
  concat,
  count,
  flag,
  oneOf,
  size,
  timeMs,
} from '../../modules/value-types.ts'
import { type CookieFlagRule, cookieFlags, type CookieRule, cookieRule } from './cookies.ts'
import { type NextUpstream, nextUpstream } from './next-upstream.ts'
import { type RedirectRule, redirectRule } from './redirects.ts'

export interface Buffers {
  readonly count: number
  readonly bytes: number
}

export interface SetHeader {
  readonly name: string
  readonly value: ComplexValue
}

const ignorableHeaders = [
  'X-Accel-Redirect',
  'X-Accel-Expires',
  'X-Accel-Limit-Rate',
  'X-Accel-Buffering',
  'X-Accel-Charset',
  'Expires',
  'Cache-Control',
  'Set-Cookie',
  'Vary',
] as const

export interface ProxyConf extends ConnectConf {
  readonly proxy_pass: ComplexValue | undefined
  readonly proxy_method: ComplexValue | undefined
  readonly proxy_http_version: '1.0' | '1.1'
  readonly proxy_set_header: readonly SetHeader[]
  readonly proxy_set_body: ComplexValue | undefined
  readonly proxy_pass_request_headers: boolean
  readonly proxy_pass_request_body: boolean
  readonly proxy_hide_header: readonly string[]
  readonly proxy_pass_header: readonly string[]
  readonly proxy_pass_trailers: boolean
  /** In lower case. */
  readonly proxy_ignore_headers: readonly string[]
  readonly proxy_redirect: readonly RedirectRule[] | undefined
  readonly proxy_cookie_domain: readonly CookieRule[]
  readonly proxy_cookie_path: readonly CookieRule[]
  readonly proxy_cookie_flags: readonly CookieFlagRule[]
  readonly proxy_buffering: boolean
  readonly proxy_buffers: Buffers
  readonly proxy_buffer_size: number
  readonly proxy_busy_buffers_size: number | undefined
  readonly proxy_max_temp_file_size: number | undefined
  readonly proxy_temp_file_write_size: number | undefined
  readonly proxy_temp_path: string
  readonly proxy_limit_rate: ComplexValue | undefined
  readonly proxy_request_buffering: boolean
  readonly proxy_connect_timeout: number
  readonly proxy_read_timeout: number
  readonly proxy_send_timeout: number
  readonly proxy_next_upstream: NextUpstream
  readonly proxy_next_upstream_tries: number
  readonly proxy_next_upstream_timeout: number
  readonly proxy_intercept_errors: boolean
  readonly proxy_ignore_client_abort: boolean
  readonly proxy_force_ranges: boolean
  readonly proxy_headers_hash_bucket_size: number
  readonly proxy_headers_hash_max_size: number
  readonly early_hints: readonly ComplexValue[]
}

const passType: ValueType<ComplexValue> = {
  describe: 'URL',
  parse: ([url = ''], env) => {
    const value = env.complex(url)
    if (value.constant !== undefined && !/^https?:\/\//i.test(value.constant)) {
      throw new ConfError('invalid URL prefix')
    }
    return value
  },
}

const headerType: ValueType<readonly SetHeader[]> = {
  describe: 'field value',
  parse: ([name = '', value = ''], env) => {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw new ConfError(`invalid header name "${name}"`)
    return [{ name, value: env.complex(value) }]
  },
}

const ignoredType: ValueType<readonly string[]> = {
  describe: `${ignorableHeaders.join(' | ')} ...`,
  parse: (args) =>
    args.map((name) => {
      const lower = name.toLowerCase()
      if (ignorableHeaders.some((known) => known.toLowerCase() === lower)) return lower
      throw new ConfError(`invalid value "${name}"`)
    }),
}

const namesType: ValueType<readonly string[]> = { describe: 'field', parse: (args) => args }

export const buffersType: ValueType<Buffers> = {
  describe: 'number size',
  parse: ([number = '', bytes = ''], { node }) => {
    const buffers = { count: parseNumber(number) ?? 0, bytes: parseSize(bytes) ?? 0 }
    if (buffers.count > 0 && buffers.bytes > 0) return buffers
    throw new ConfError(`"${node.name}" directive invalid value`)
  },
}

/** `number | size` that defaults to something computed from other sizes. */
const sizeOrDefault: ValueType<number | undefined> = size

const prefixPath: ValueType<string> = {
  describe: 'path [level1 [level2 [level3]]]',
  parse: ([path = '', ...levels], env) => {
    if (levels.every((level) => /^[12]$/.test(level))) return env.prefixPath(path)
    throw new ConfError(`invalid value "${levels.find((level) => !/^[12]$/.test(level))}"`)
  },
}

const rate: ValueType<ComplexValue> = {
  describe: 'rate',
  parse: (args, env) => {
    const value = complexValue.parse(args, env)
    if (value.constant !== undefined) size.parse(args, env)
    return value
  },
}

const everywhere = ['http', 'http.server', 'http.location'] as const
const inLocations: readonly Context[] = ['http.location', 'http.location.if', 'http.limit_except']

function row<T>(syntax: string, value: ValueType<T>, defaultValue: T, doc: string): Row<T> {
  return { contexts: everywhere, args: [1, 1], syntax, value, default: defaultValue, doc }
}

function listRow<T>(
  syntax: string,
  definition: Pick<Row<readonly T[]>, 'args' | 'value' | 'doc' | 'secret'>,
): Row<readonly T[]> {
  return { contexts: everywhere, syntax, default: [], merge: concat, ...definition }
}

type Rows<Conf> = { readonly [Name in keyof Conf]-?: Row<Conf[Name]> }

const anyNumber = Infinity

export const proxyRows: Rows<ProxyConf> = {
  proxy_pass: {
    contexts: inLocations,
    args: [1, 1],
    syntax: 'proxy_pass URL',
    value: passType,
    default: undefined,
    inherited: false,
    doc: 'Passes requests to another server.',
  },
  proxy_method: row<ComplexValue | undefined>(
    'proxy_method method',
    complexValue,
    undefined,
    'Method of the requests that are passed on, instead of the client’s.',
  ),
  proxy_http_version: row(
    'proxy_http_version 1.0 | 1.1',
    oneOf('1.0', '1.1'),
    '1.0',
    'Version of HTTP towards upstreams; 1.1 is wanted for connections that are kept.',
  ),
  proxy_set_header: listRow('proxy_set_header field value', {
    args: [2, 2],
    value: headerType,
    secret: 'field',
    doc: 'Sets a field of the requests that are passed on; an empty value takes it away.',
  }),
  proxy_set_body: row<ComplexValue | undefined>(
    'proxy_set_body value',
    complexValue,
    undefined,
    'Body of the requests that are passed on, instead of the client’s.',
  ),
  proxy_pass_request_headers: row(
    'proxy_pass_request_headers on | off',
    flag,
    true,
    'Passes the fields of the client’s request on.',
  ),
  proxy_pass_request_body: row(
    'proxy_pass_request_body on | off',
    flag,
    true,
    'Passes the body of the client’s request on.',
  ),
  proxy_hide_header: listRow('proxy_hide_header field', {
    args: [1, 1],
    value: namesType,
    doc: 'Keeps a field of the upstream’s response from the client.',
  }),
  proxy_pass_header: listRow('proxy_pass_header field', {
    args: [1, 1],
    value: namesType,
    doc: 'Passes a field to the client that is otherwise kept from it.',
  }),
  proxy_pass_trailers: row(
    'proxy_pass_trailers on | off',
    flag,
    false,
    'Passes the fields behind the body of the upstream’s response on.',
  ),
  proxy_ignore_headers: {
    contexts: everywhere,
    args: [1, anyNumber],
    syntax: 'proxy_ignore_headers field ...',
    value: ignoredType,
    default: [],
    merge: concat,
    doc: 'Fields of the upstream’s response that are not acted upon.',
  },
  proxy_redirect: {
    contexts: everywhere,
    args: [1, 2],
    syntax: 'proxy_redirect default | off | redirect replacement',
    value: redirectRule,
    default: undefined,
    merge: (lists) => lists.flatMap((list) => list ?? []),
    doc: 'Changes "Location" and "Refresh" of the upstream’s response.',
  },
  proxy_cookie_domain: listRow('proxy_cookie_domain off | domain replacement', {
    args: [1, 2],
    value: cookieRule('domain'),
    doc: 'Changes the domain in "Set-Cookie" of the upstream’s response.',
  }),
  proxy_cookie_path: listRow('proxy_cookie_path off | path replacement', {
    args: [1, 2],
    value: cookieRule('path'),
    doc: 'Changes the path in "Set-Cookie" of the upstream’s response.',
  }),
  proxy_cookie_flags: listRow('proxy_cookie_flags off | cookie [flag ...]', {
    args: [1, anyNumber],
    value: cookieFlags,
    doc: 'Sets and takes away flags in "Set-Cookie" of the upstream’s response.',
  }),
  proxy_buffering: row(
    'proxy_buffering on | off',
    flag,
    true,
    'Reads the upstream’s response as fast as it comes, however slow the client is.',
  ),
  proxy_buffers: {
    ...row(
      'proxy_buffers number size',
      buffersType,
      { count: 8, bytes: 4096 },
      'Memory for a response that the client has not taken yet.',
    ),
    args: [2, 2],
  },
  proxy_buffer_size: row(
    'proxy_buffer_size size',
    size,
    4096,
    'Longest head of an upstream’s response.',
  ),
  proxy_busy_buffers_size: row(
    'proxy_busy_buffers_size size',
    sizeOrDefault,
    undefined,
    'Accepted: all of that memory may wait for the client.',
  ),
  proxy_max_temp_file_size: row(
    'proxy_max_temp_file_size size',
    sizeOrDefault,
    undefined,
    'Longest file for what the memory has no room for; 0 for none.',
  ),
  proxy_temp_file_write_size: row(
    'proxy_temp_file_write_size size',
    sizeOrDefault,
    undefined,
    'Accepted: what has come is written at once.',
  ),
  proxy_temp_path: {
    ...row(
      'proxy_temp_path path [level1 [level2 [level3]]]',
      prefixPath,
      '',
      'Folder of such files; they have no names, and need no folders below it.',
    ),
    args: [1, 4],
  },
  proxy_limit_rate: row<ComplexValue | undefined>(
    'proxy_limit_rate rate',
    rate,
    undefined,
    'Bytes a second that are read from the upstream; 0 for no limit.',
  ),
  proxy_request_buffering: row(
    'proxy_request_buffering on | off',
    flag,
    true,
    'Reads the body of a request whole before it is passed on.',
  ),
  proxy_connect_timeout: row(
    'proxy_connect_timeout time',
    timeMs,
    60_000,
    'How long connecting to an upstream may take.',
  ),
  proxy_read_timeout: row(
    'proxy_read_timeout time',
    timeMs,
    60_000,
    'How long an upstream may pause within its response.',
  ),
  proxy_send_timeout: row(
    'proxy_send_timeout time',
    timeMs,
    60_000,
    'How long an upstream may take nothing of a request.',
  ),
  proxy_next_upstream: {
    ...row(
      'proxy_next_upstream error | timeout | invalid_header | http_500 | http_502 | http_503 | http_504 | http_403 | http_404 | http_429 | non_idempotent | off ...',
      nextUpstream.type,
      nextUpstream.usual,
      'When a request is passed to the next server.',
    ),
    args: [1, anyNumber],
  },
  proxy_next_upstream_tries: row(
    'proxy_next_upstream_tries number',
    count,
    0,
    'How many servers are tried; 0 for no limit.',
  ),
  proxy_next_upstream_timeout: row(
    'proxy_next_upstream_timeout time',
    timeMs,
    0,
    'How long servers are tried; 0 for no limit.',
  ),
  proxy_intercept_errors: row(
    'proxy_intercept_errors on | off',
    flag,
    false,
    'Has error pages for what upstreams answer.',
  ),
  proxy_ignore_client_abort: row(
    'proxy_ignore_client_abort on | off',
    flag,
    false,
    'Goes on with the upstream when the client has gone.',
  ),
  proxy_force_ranges: row(
    'proxy_force_ranges on | off',
    flag,
    false,
    'Serves ranges whatever "Accept-Ranges" of the upstream says.',
  ),
  proxy_bind: {
    ...row(
      'proxy_bind address [transparent] | off',
      bindType,
      undefined,
      'Makes connections to upstreams come from a given address.',
    ),
    args: [1, 2],
  },
  proxy_socket_keepalive: row(
    'proxy_socket_keepalive on | off',
    flag,
    false,
    'Turns SO_KEEPALIVE on for connections to upstreams.',
  ),
  proxy_headers_hash_bucket_size: row(
    'proxy_headers_hash_bucket_size size',
    count,
    64,
    'Accepted: tables size themselves.',
  ),
  proxy_headers_hash_max_size: row(
    'proxy_headers_hash_max_size size',
    count,
    512,
    'Accepted: tables size themselves.',
  ),
  early_hints: {
    contexts: everywhere,
    args: [1, anyNumber],
    syntax: 'early_hints string ...',
    value: { describe: 'string ...', parse: (args, env) => args.map((arg) => env.complex(arg)) },
    default: [],
    doc: 'Passes responses 103 of upstreams on while no parameter is empty or "0".',
  },
}
