/** A transport address as plain data, and its text as nginx prints it. */

export interface InetAddress {
  readonly family: 4 | 6
  readonly host: string
  readonly port: number
}

export interface UnixAddress {
  readonly family: 'unix'
  readonly path: string
}

export type Address = InetAddress | UnixAddress

/** `127.0.0.1:80`, `[::1]:80`, `unix:/run/x.sock`. */
export function formatAddress(address: Address): string {
  if (address.family === 'unix') return `unix:${address.path}`
  return address.family === 6
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}

/** The address without its port, as `$remote_addr` shows it; `unix:` for unix sockets. */
export function formatHost(address: Address): string {
  return address.family === 'unix' ? 'unix:' : address.host
}
