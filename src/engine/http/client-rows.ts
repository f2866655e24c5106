/** Directives about the client's side of a request: what is read from it, how long, and how long it may stay. */
import type { Row } from '../core/module.ts'
import { count, flag, offset, oneOf, size, timeMs } from '../modules/value-types.ts'
import {
  type KeepAliveBrowser,
  keepAliveDisable,
  type KeepAliveTimeout,
  keepAliveTimeout,
  largeBuffers,
  type LargeBuffers,
} from './core-values.ts'

export interface ClientConf {
  readonly client_header_buffer_size: number
  readonly large_client_header_buffers: LargeBuffers
  readonly client_header_timeout: number
  readonly client_body_timeout: number
  readonly client_body_buffer_size: number
  readonly client_max_body_size: number
  readonly send_timeout: number
  readonly keepalive_timeout: KeepAliveTimeout
  readonly keepalive_requests: number
  readonly keepalive_time: number
  readonly keepalive_min_timeout: number
  readonly keepalive_disable: readonly KeepAliveBrowser[]
  readonly chunked_transfer_encoding: boolean
  readonly lingering_close: 'off' | 'on' | 'always'
  readonly lingering_time: number
  readonly lingering_timeout: number
  readonly reset_timedout_connection: boolean
}

const everywhere = ['http', 'http.server', 'http.location'] as const
const perServer = ['http', 'http.server'] as const

export const clientRows: { readonly [Name in keyof ClientConf]: Row<ClientConf[Name]> } = {
  client_header_buffer_size: {
    contexts: perServer,
    args: [1, 1],
    syntax: 'client_header_buffer_size size',
    value: size,
    default: 1024,
    doc: 'Sets the first buffer for the head of a request.',
  },
  large_client_header_buffers: {
    contexts: perServer,
    args: [2, 2],
    syntax: 'large_client_header_buffers number size',
    value: largeBuffers,
    default: { count: 4, bytes: 8192 },
    doc: 'Sets how many further buffers a head may fill, and how long a line of it may be.',
  },
  client_header_timeout: {
    contexts: perServer,
    args: [1, 1],
    syntax: 'client_header_timeout time',
    value: timeMs,
    default: 60_000,
    doc: 'Sets how long the head of a request may take.',
  },
  client_body_timeout: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'client_body_timeout time',
    value: timeMs,
    default: 60_000,
    doc: 'Sets how long the client may pause within a body.',
  },
  client_body_buffer_size: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'client_body_buffer_size size',
    value: size,
    default: 16_384,
    doc: 'Sets how much of a body is kept in memory.',
  },
  client_max_body_size: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'client_max_body_size size',
    value: offset,
    default: 1024 * 1024,
    doc: 'Sets the largest body; 0 for no limit.',
  },
  send_timeout: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'send_timeout time',
    value: timeMs,
    default: 60_000,
    doc: 'Sets how long the client may take nothing of a response.',
  },
  keepalive_timeout: {
    contexts: everywhere,
    args: [1, 2],
    syntax: 'keepalive_timeout timeout [header_timeout]',
    value: keepAliveTimeout,
    default: { ms: 75_000, headerSeconds: 0 },
    doc: 'Sets how long an idle connection stays open; 0 closes after each response.',
  },
  keepalive_requests: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'keepalive_requests number',
    value: count,
    default: 1000,
    doc: 'Sets how many requests one connection may make.',
  },
  keepalive_time: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'keepalive_time time',
    value: timeMs,
    default: 3_600_000,
    doc: 'Sets the age at which a connection is closed after its next response.',
  },
  keepalive_min_timeout: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'keepalive_min_timeout time',
    value: timeMs,
    default: 0,
    doc: 'Sets how long an idle connection stays open at least when the engine ends.',
  },
  keepalive_disable: {
    contexts: everywhere,
    args: [1, 2],
    syntax: 'keepalive_disable none | browser ...',
    value: keepAliveDisable,
    default: ['msie6'],
    doc: 'Sets browsers whose connections are not kept: "msie6" after POST, "safari".',
  },
  chunked_transfer_encoding: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'chunked_transfer_encoding on | off',
    value: flag,
    default: true,
    doc: 'Sends bodies of unknown length in chunks; off, the connection is closed behind them.',
  },
  lingering_close: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'lingering_close off | on | always',
    value: oneOf('off', 'on', 'always'),
    default: 'on',
    doc: 'Reads on for a while when a connection with unread data is closed.',
  },
  lingering_time: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'lingering_time time',
    value: timeMs,
    default: 30_000,
    doc: 'Sets how long that may last.',
  },
  lingering_timeout: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'lingering_timeout time',
    value: timeMs,
    default: 5000,
    doc: 'Sets how long it waits for more data.',
  },
  reset_timedout_connection: {
    contexts: everywhere,
    args: [1, 1],
    syntax: 'reset_timedout_connection on | off',
    value: flag,
    default: false,
    doc: 'Resets timed-out connections, which frees their memory in the kernel at once.',
  },
}
