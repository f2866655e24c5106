/**
 * Addresses as configurations write them: `host`, `host:port`, `[v6]:port`, `unix:/path`.
 *
 * Reading is nginx's, with its words for what is wrong; whoever reads adds in what (`no port in upstream
 * "x"`). A host that is no address is left to be looked up.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { ConfError } from '../conf/diagnostics.ts'
import type { Address } from '../net/address.ts'
import { unixPathBytesMax } from './limits.ts'

/** A host name with its port, to be looked up. */
export interface NamedHost {
  readonly family: 'name'
  readonly host: string
  readonly port: number
}

export type Endpoint = Address | NamedHost

const portMax = 65535

export interface EndpointOptions {
  /** Port of a text without one; without this option that is an error. */
  readonly defaultPort?: number
  /** What it is for, in messages: `upstream`, `resolver`, …; left out, the message is the reason alone. */
  readonly purpose?: string
}

/** Reads an address or a host name with its port. Throws `ConfError`. */
export function parseEndpoint(text: string, options: EndpointOptions = {}): Endpoint {
  if (/^unix:/i.test(text)) return parseUnix(text, options)
  if (text.startsWith('[')) return parseBracketed(text, options)
  return parsePlain(text, options)
}

/** The same, of what must be an address already; `undefined` where it is a name. */
export function parseAddress(text: string, options: EndpointOptions = {}): Address | undefined {
  const endpoint = parseEndpoint(text, options)
  return endpoint.family === 'name' ? undefined : endpoint
}

function parseUnix(text: string, options: EndpointOptions): Address {
  const path = text.slice('unix:'.length)
  if (path === '') throw failure('no path in the unix domain socket', text, options)
  if (Buffer.byteLength(path) > unixPathBytesMax) {
    throw failure('too long path in the unix domain socket', text, options)
  }
  return { family: 'unix', path }
}

function parseBracketed(text: string, options: EndpointOptions): Address {
  const end = text.indexOf(']')
  if (end < 0) throw failure('invalid host', text, options)
  const rest = text.slice(end + 1)
  if (rest.includes('/') || (rest !== '' && !rest.startsWith(':'))) {
    throw failure('invalid host', text, options)
  }
  const port = rest === '' ? undefined : readPort(rest.slice(1), text, options)
  const host = text.slice(1, end)
  if (!isIPv6(host)) throw failure('invalid IPv6 address', text, options)
  return { family: 6, host, port: port ?? defaultPort(text, options) }
}

function parsePlain(text: string, options: EndpointOptions): Endpoint {
  if (text.includes('/')) throw failure('invalid host', text, options)
  const colon = text.indexOf(':')
  const host = colon < 0 ? text : text.slice(0, colon)
  const port = colon < 0 ? undefined : readPort(text.slice(colon + 1), text, options)
  if (host === '') throw failure('no host', text, options)
  if (isIPv4(host)) return { family: 4, host, port: port ?? defaultPort(text, options) }
  return { family: 'name', host, port: port ?? options.defaultPort ?? 0 }
}

function readPort(digits: string, text: string, options: EndpointOptions): number {
  const port = /^[0-9]{1,9}$/.test(digits) ? Number(digits) : 0
  if (port < 1 || port > portMax) throw failure('invalid port', text, options)
  return port
}

function defaultPort(text: string, options: EndpointOptions): number {
  if (options.defaultPort === undefined) throw failure('no port', text, options)
  return options.defaultPort
}

function failure(reason: string, text: string, { purpose }: EndpointOptions): ConfError {
  return new ConfError(purpose === undefined ? reason : `${reason} in ${purpose} "${text}"`)
}

/** The 16 bytes of an IPv6 address, a zone index left out; `undefined` where the text is none. */
export function parseIPv6(text: string): readonly number[] | undefined {
  const [bare] = text.split('%', 1)
  if (!isIPv6(bare!)) return undefined
  const [head, tail] = bare!.split('::', 2) as [string, string?]
  const front = groupBytes(head)
  const back = groupBytes(tail ?? '')
  const zeros = Array.from({ length: 16 - front.length - back.length }, () => 0)
  return [...front, ...zeros, ...back]
}

function groupBytes(text: string): readonly number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}
