/** The variables of the stream module itself. */
import { hostname } from 'node:os'
import { timeIso8601, timeLocal } from '../core/clock.ts'
import { type Address, formatHost } from '../net/address.ts'
import { parseIPv6 } from '../upstream/addresses.ts'
import type { SessionVariables } from './module.ts'

/** Version of nginx whose configuration language is spoken here. */
const nginxVersion = '1.27.0'

export const coreVariables: SessionVariables = {
  binary_remote_addr: { get: ({ remote }) => binaryAddress(remote) },
  bytes_received: { get: ({ client }) => String(client.bytesRead), volatile: true },
  bytes_sent: { get: ({ client }) => String(client.bytesWritten), volatile: true },
  connection: { get: ({ number }) => String(number) },
  hostname: { get: () => hostname() },
  msec: { get: () => seconds(Date.now()), volatile: true },
  nginx_version: { get: () => nginxVersion },
  pid: { get: () => String(process.pid) },
  protocol: { get: ({ protocol }) => protocol },
  remote_addr: { get: ({ remote }) => formatHost(remote) },
  remote_port: { get: ({ remote }) => portOf(remote) },
  server_addr: { get: ({ client }) => formatHost(client.local) },
  server_port: { get: ({ client }) => portOf(client.local) },
  server_name: { get: ({ server }) => server.names[0]?.text },
  session_time: { get: ({ startedAt }) => seconds(Date.now() - startedAt), volatile: true },
  status: { get: ({ status }) => String(status).padStart(3, '0'), volatile: true },
  time_iso8601: { get: () => timeIso8601(), volatile: true },
  time_local: { get: () => timeLocal(), volatile: true },
}

/** `1.234` from milliseconds. */
export function seconds(ms: number): string {
  const whole = Math.max(0, Math.round(ms))
  return `${Math.floor(whole / 1000)}.${String(whole % 1000).padStart(3, '0')}`
}

export function portOf(address: Address): string {
  return address.family === 'unix' ? '' : String(address.port)
}

/** The bytes of an address, one character each; unix sockets have the address `unix:`. */
function binaryAddress(address: Address): string {
  if (address.family === 'unix') return 'unix:'
  const bytes =
    address.family === 4 ? address.host.split('.').map(Number) : (parseIPv6(address.host) ?? [])
  return String.fromCharCode(...bytes)
}
