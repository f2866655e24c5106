/**
 * Addresses that proxies write into header fields: `X-Forwarded-For: client, proxy, proxy`, read from the
 * end for as long as the one who wrote is trusted.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { type AccessRule, isAllowed } from '../modules/access-rules.ts'
import type { Address } from '../net/address.ts'

const portMax = 65_535

/**
 * The address that a list of values, in the order of the fields, gives for a peer; `undefined` where the
 * peer is not trusted or nothing can be read. `recursive`: goes on while what was found is trusted itself.
 */
export function forwardedAddress(
  peer: Address,
  values: readonly string[],
  trusted: readonly AccessRule[],
  recursive: boolean,
): Address | undefined {
  let found: Address | undefined
  for (const text of values.toReversed()) {
    for (const word of text.split(/[ ,]+/).toReversed()) {
      if (word === '') continue
      if (!isAllowed(trusted, found ?? peer)) return found
      const address = parseForwarded(word)
      if (address === undefined) return found
      found = address
      if (!recursive) return found
    }
  }
  return found
}

/**
 * `192.0.2.1`, `192.0.2.1:1234`, `2001:db8::1`, `[2001:db8::1]:1234`; the port is 0 where none is named.
 * Brackets stand with a port only.
 */
export function parseForwarded(text: string): Address | undefined {
  if (isIPv6(text)) return inet6(text, 0)
  const match = /^\[(.+)\]:(\d{1,5})$|^([^:]+)(?::(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const [, host6, port6, host4, port4] = match
  const named = port6 ?? port4
  const port = Number(named ?? 0)
  if (port > portMax || (port === 0 && named !== undefined)) return undefined
  if (host6 !== undefined) return isIPv6(host6) ? inet6(host6, port) : undefined
  return isIPv4(host4!) ? { family: 4, host: host4!, port } : undefined
}

/** In the one form in which addresses are printed and compared. */
function inet6(host: string, port: number): Address {
  return { family: 6, host: new SocketAddress({ family: 'ipv6', address: host }).address, port }
}
