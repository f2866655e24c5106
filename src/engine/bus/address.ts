/**
 * Where the broker is: the path of a socket file, or a host and a port.
 */
import { ConfError } from '../conf/diagnostics.ts'

export type BrokerAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number }

/** Takes `/path`, `unix:/path`, `host:port`, `host port` and `[v6]:port`. */
export function parseBrokerAddress(text: string): BrokerAddress {
  const path = /^(?:unix:)?(\/.*)$/.exec(text)?.[1]
  if (path !== undefined) return { path }
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^\s:]+|\S+(?=\s)))(?::|\s+)(?<port>\d+)$/.exec(text)
  const { v6, host, port } = match?.groups ?? {}
  const name = v6 ?? host
  if (name === undefined || !(Number(port) >= 1 && Number(port) <= 65_535)) {
    throw new ConfError(`invalid broker address "${text}"`)
  }
  return { host: name, port: Number(port) }
}

export function showBrokerAddress(address: BrokerAddress): string {
  return 'path' in address ? `unix:${address.path}` : `${address.host}:${address.port}`
}
