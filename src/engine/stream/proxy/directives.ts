/** Settings of the proxy, but those of TLS towards upstreams. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { Row, ValueEnv, ValueType } from '../../core/module.ts'
import { bindType, type ProxyBind } from '../../modules/proxy-bind.ts'
import { complexValue, concat, count, flag, size, timeMs } from '../../modules/value-types.ts'

/** A value that a version 2 header of the PROXY protocol carries. */
export interface ProxyTlv {
  readonly type: number
  readonly value: ComplexValue
}

export interface ProxyConf {
  readonly proxy_pass: ComplexValue | undefined
  readonly proxy_bind: ProxyBind | undefined
  readonly proxy_socket_keepalive: boolean
  readonly proxy_connect_timeout: number
  readonly proxy_timeout: number
  readonly proxy_buffer_size: number
  readonly proxy_upload_rate: ComplexValue | undefined
  readonly proxy_download_rate: ComplexValue | undefined
  readonly proxy_requests: number
  /** `undefined`: any number. */
  readonly proxy_responses: number | undefined
  readonly proxy_next_upstream: boolean
  readonly proxy_next_upstream_tries: number
  readonly proxy_next_upstream_timeout: number
  readonly proxy_protocol: boolean
  readonly proxy_pp2: boolean
  readonly proxy_pp2_set_tlv: readonly ProxyTlv[]
  readonly proxy_half_close: boolean
  readonly proxy_ssl: boolean
}

const rate: ValueType<ComplexValue> = {
  describe: 'rate',
  parse: (args, env) => {
    const value = complexValue.parse(args, env)
    if (value.constant !== undefined) size.parse(args, env)
    return value
  },
}

const passType: ValueType<ComplexValue> = {
  describe: 'address',
  parse: (args: readonly string[], env: ValueEnv) => complexValue.parse(args, env),
}

const tlv: ValueType<readonly ProxyTlv[]> = {
  describe: 'type value',
  parse: ([type = '', value = ''], env) => {
    if (!/^0x[0-9a-f]{1,2}$/i.test(type)) throw new ConfError(`invalid TLV type "${type}"`)
    return [{ type: Number(type), value: env.complex(value) }]
  },
}

const everywhere = ['stream', 'stream.server'] as const

function row<T>(syntax: string, value: ValueType<T>, defaultValue: T, doc: string): Row<T> {
  return { contexts: everywhere, args: [1, 1], syntax, value, default: defaultValue, doc }
}

type Rows<Conf> = { readonly [Name in keyof Conf]-?: Row<Conf[Name]> }

export const proxyRows: Rows<ProxyConf> = {
  proxy_pass: {
    contexts: ['stream.server'],
    args: [1, 1],
    syntax: 'proxy_pass address',
    value: passType,
    default: undefined,
    inherited: false,
    doc: 'Sets the address or the group of servers that connections are passed to.',
  },
  proxy_bind: {
    contexts: everywhere,
    args: [1, 2],
    syntax: 'proxy_bind address [transparent] | off',
    value: bindType,
    default: undefined,
    doc: 'Makes outgoing connections come from a given address.',
  },
  proxy_socket_keepalive: row(
    'proxy_socket_keepalive on | off',
    flag,
    false,
    'Turns SO_KEEPALIVE on for connections to upstreams.',
  ),
  proxy_connect_timeout: row(
    'proxy_connect_timeout time',
    timeMs,
    60_000,
    'Sets how long connecting to an upstream may take.',
  ),
  proxy_timeout: row(
    'proxy_timeout time',
    timeMs,
    600_000,
    'Sets how long a session may last without a byte in either direction.',
  ),
  proxy_buffer_size: row(
    'proxy_buffer_size size',
    size,
    16_384,
    'Sets how much of a client’s data may wait until its upstream is connected.',
  ),
  proxy_upload_rate: row(
    'proxy_upload_rate rate',
    rate,
    undefined,
    'Limits the bytes a second that are read from the client; 0 is no limit.',
  ),
  proxy_download_rate: row(
    'proxy_download_rate rate',
    rate,
    undefined,
    'Limits the bytes a second that are read from the upstream; 0 is no limit.',
  ),
  proxy_requests: row(
    'proxy_requests number',
    count,
    0,
    'Sets the number of client datagrams after which a UDP session begins anew.',
  ),
  proxy_responses: row<number | undefined>(
    'proxy_responses number',
    count,
    undefined,
    'Sets the number of datagrams expected in answer to one of the client.',
  ),
  proxy_next_upstream: row(
    'proxy_next_upstream on | off',
    flag,
    true,
    'Decides whether another server is tried when a connection cannot be established.',
  ),
  proxy_next_upstream_tries: row(
    'proxy_next_upstream_tries number',
    count,
    0,
    'Limits how many servers are tried; 0 is no limit.',
  ),
  proxy_next_upstream_timeout: row(
    'proxy_next_upstream_timeout time',
    timeMs,
    0,
    'Limits how long servers are tried; 0 is no limit.',
  ),
  proxy_protocol: row(
    'proxy_protocol on | off',
    flag,
    false,
    'Sends a PROXY protocol header to the upstream.',
  ),
  proxy_pp2: row(
    'proxy_pp2 on | off',
    flag,
    false,
    'Sends version 2 of the PROXY protocol instead of version 1.',
  ),
  proxy_pp2_set_tlv: {
    contexts: everywhere,
    args: [2, 2],
    syntax: 'proxy_pp2_set_tlv type value',
    value: tlv,
    default: [],
    merge: concat,
    doc: 'Adds a value to the version 2 header of the PROXY protocol.',
  },
  proxy_half_close: row(
    'proxy_half_close on | off',
    flag,
    false,
    'Closes each direction of a TCP connection on its own.',
  ),
  proxy_ssl: row('proxy_ssl on | off', flag, false, 'Uses TLS towards upstreams.'),
}
