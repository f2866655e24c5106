/**
 * Addresses as `listen` and the API's `addr_port` write them, brought to one form so that they compare.
 *
 * ```text
 *   22222            tcp 0.0.0.0:22222        *:22222 udp     udp 0.0.0.0:22222
 *   [::]:443         tcp [::]:443             unix:/run/x     tcp unix:/run/x
 * ```
 */
import { isIPv4, isIPv6 } from 'node:net'
import type { Directive } from '../conf/tree.ts'

export interface ListenAddress {
  readonly protocol: 'tcp' | 'udp'
  /** `0.0.0.0`, `[::]`, or a unix socket's `unix:/path`. */
  readonly host: string
  /** 0 for a unix socket. */
  readonly port: number
}

const portDefault = 80

/** Where a server of http listens that does not say it: ports below 1024 are root's. */
export const usualAddress: ListenAddress = {
  protocol: 'tcp',
  host: '0.0.0.0',
  port: process.getuid?.() === 0 ? 80 : 8000,
}

/** Comparable form: `tcp 0.0.0.0:22222`. */
export function listenKey({ protocol, host, port }: ListenAddress): string {
  return port === 0 ? `${protocol} ${host}` : `${protocol} ${host}:${port}`
}

/** The address as `listen` takes it, without the protocol. */
export function listenText({ host, port }: ListenAddress): string {
  return port === 0 ? host : `${host}:${port}`
}

/** The address as the API's `addr_port` writes it: `0.0.0.0:22223 udp`. */
export function listenAddrPort(address: ListenAddress): string {
  return `${listenText(address)}${address.protocol === 'udp' ? ' udp' : ''}`
}

/** The wildcard address of the same family, port and protocol. */
export function wildcardOf(address: ListenAddress): ListenAddress {
  return { ...address, host: address.host.startsWith('[') ? '[::]' : '0.0.0.0' }
}

/** The address of a `listen` directive; `undefined` where it does not parse. */
export function addressOfListen(listen: Directive): ListenAddress | undefined {
  const [text = '', ...options] = listen.args
  return parseHostPort(text, options.includes('udp') ? 'udp' : 'tcp')
}

/** `addr_port` of the API: an address, then possibly ` udp` in any case. */
export function parseAddrPort(text: string): ListenAddress | undefined {
  const [address = '', ...rest] = text.trim().split(/\s+/)
  if (rest.length > 1 || (rest.length === 1 && rest[0]!.toLowerCase() !== 'udp')) return undefined
  return parseHostPort(address, rest.length === 1 ? 'udp' : 'tcp')
}

function parseHostPort(text: string, protocol: 'tcp' | 'udp'): ListenAddress | undefined {
  if (text.startsWith('unix:')) {
    return text.length > 5 ? { protocol, host: text, port: 0 } : undefined
  }
  if (/^\d+$/.test(text)) return withPort('0.0.0.0', text, protocol)
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(text)
  if (match === null) return undefined
  const host = normalHost(match[1]!)
  return host === undefined ? undefined : withPort(host, match[2] ?? String(portDefault), protocol)
}

function withPort(
  host: string,
  digits: string,
  protocol: 'tcp' | 'udp',
): ListenAddress | undefined {
  const port = Number(digits)
  return port >= 1 && port <= 65535 ? { protocol, host, port } : undefined
}

function normalHost(host: string): string | undefined {
  if (host === '*') return '0.0.0.0'
  if (host.startsWith('[')) return isIPv6(host.slice(1, -1)) ? canonicalIPv6(host) : undefined
  if (isIPv4(host)) return host
  return /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*)$/.test(host) && !/^[\d.]+$/.test(host)
    ? host.toLowerCase()
    : undefined
}

function canonicalIPv6(host: string): string {
  return new URL(`http://${host}`).hostname
}
