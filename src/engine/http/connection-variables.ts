/** Variables of the connection that a request came by. */
import type { VariablePrefix } from '../core/variables.ts'
import { type Address, formatHost } from '../net/address.ts'
import { type TcpInfo, tcpInfo } from '../net/tcp-info.ts'
import type { RequestVariables } from './module.ts'
import type { Request } from './request.ts'
import { fixed, live, seconds } from './variable-definition.ts'

function portOf(address: Address): string {
  // No port: of a unix socket, and of an address that a proxy has told without one.
  return address.family === 'unix' || address.port === 0 ? '' : String(address.port)
}

/** The client's address as bytes, for keys of limits. */
function binaryAddress(text: string): string {
  return text.includes(':') ? text : String.fromCharCode(...text.split('.').map(Number))
}

function hostOf(address: Address | undefined): string | undefined {
  return address && formatHost(address)
}

/** Read anew each time: the kernel counts on. */
function fromKernel(field: keyof TcpInfo, doc: string): RequestVariables[string] {
  return live(({ connection }) => tcpInfo(connection.socket)?.[field].toString(), doc)
}

export const connectionVariables: RequestVariables = {
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
    ({ connection }) => hostOf(connection.proxy?.source),
    'Address of the client by the PROXY protocol.',
  ),
  proxy_protocol_port: fixed(
    ({ connection }) => connection.proxy?.source && portOf(connection.proxy.source),
    'Port of the client by the PROXY protocol.',
  ),
  proxy_protocol_server_addr: fixed(
    ({ connection }) => hostOf(connection.proxy?.destination),
    'Address of the server by the PROXY protocol.',
  ),
  proxy_protocol_server_port: fixed(
    ({ connection }) => connection.proxy?.destination && portOf(connection.proxy.destination),
    'Port of the server by the PROXY protocol.',
  ),
  server_addr: fixed(({ connection }) => formatHost(connection.socket.local), 'Address of ours.'),
  server_port: fixed(({ connection }) => portOf(connection.socket.local), 'Port of ours.'),
  connection: fixed(({ connection }) => String(connection.number), 'Number of the connection.'),
  connection_requests: live(
    ({ connection }) => String(connection.requests),
    'Requests made on it.',
  ),
  connection_time: live(({ connection }) => seconds(connection.ageMs), 'Its age in seconds.'),
  pipe: live(({ connection }) => (connection.pipelined ? 'p' : '.'), '"p" when it was pipelined.'),
  tcpinfo_rtt: fromKernel('rtt', 'Round-trip time, microseconds.'),
  tcpinfo_rttvar: fromKernel('rttVariance', 'Variance of the round-trip time, microseconds.'),
  tcpinfo_snd_cwnd: fromKernel('sendWindow', 'Congestion window towards the client, segments.'),
  tcpinfo_rcv_space: fromKernel('receiveSpace', 'Room for what the client sends, bytes.'),
}

const tlvPrefix = 'proxy_protocol_tlv_'

/** Types that have names (PROXY protocol §2.2). */
const tlvTypes: ReadonlyMap<string, number> = new Map([
  ['alpn', 0x01],
  ['authority', 0x02],
  ['unique_id', 0x05],
  ['ssl', 0x20],
  ['netns', 0x30],
])

/** What stands within the TLV of TLS (§2.2.5), behind its flags. */
const tlsTypes: ReadonlyMap<string, number> = new Map([
  ['ssl_version', 0x21],
  ['ssl_cn', 0x22],
  ['ssl_cipher', 0x23],
  ['ssl_sig_alg', 0x24],
  ['ssl_key_alg', 0x25],
])

const tlsFlagsBytes = 5

/** `$proxy_protocol_tlv_alpn`, `$proxy_protocol_tlv_ssl_cn`, `$proxy_protocol_tlv_0xea`. */
export const proxyProtocolTlvs: VariablePrefix<Request> = {
  prefix: tlvPrefix,
  get: ({ connection }, name) => {
    const key = name.slice(tlvPrefix.length)
    const value = (type: number | undefined): Buffer | undefined =>
      connection.proxy?.tlvs.find((one) => one.type === type)?.value
    if (key === 'ssl_verify') return verifyResult(value(tlvTypes.get('ssl')))
    const inner = tlsTypes.get(key)
    if (inner !== undefined) return innerValue(value(tlvTypes.get('ssl')), inner)
    const type = /^0x[0-9a-f]{1,2}$/.test(key) ? Number(key) : tlvTypes.get(key)
    return value(type)?.toString('latin1')
  },
  doc: 'Further facts of the PROXY protocol, by name or number.',
}

/** 0 where the client's certificate was verified. */
function verifyResult(tls: Buffer | undefined): string | undefined {
  return tls === undefined || tls.length < tlsFlagsBytes ? undefined : String(tls.readUInt32BE(1))
}

function innerValue(tls: Buffer | undefined, type: number): string | undefined {
  if (tls === undefined) return undefined
  for (let at = tlsFlagsBytes; at + 3 <= tls.length;) {
    const end = at + 3 + tls.readUInt16BE(at + 1)
    if (tls[at] === type && end <= tls.length) return tls.toString('latin1', at + 3, end)
    at = end
  }
  return undefined
}
