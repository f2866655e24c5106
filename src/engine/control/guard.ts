/**
 * Keeps pages of other sites out of the trust that programs of this machine have.
 *
 * ```text
 *   Host is an address, localhost, or a name of the server             else 403   DNS rebinding
 *   Origin is absent or this server; Sec-Fetch-Site is not foreign     else 403   pages elsewhere
 * ```
 */
import { isIP } from 'node:net'

export interface Caller {
  /** Address of the peer without port; `unix:` for a unix socket. */
  readonly peer: string
  /** Address of ours that it connected to. */
  readonly local: string
}

/** Why a request is refused that a browser may have been made to send; `undefined` when it may go on. */
export function browserObjection(
  request: Request,
  caller: Caller,
  serverNames: readonly string[],
): string | undefined {
  const { headers } = request
  const host = hostOf(headers.get('host') ?? '')
  if (caller.peer !== 'unix:' && !isOwnName(host, serverNames)) {
    return `"${host}" is neither an address nor a name of this server`
  }
  const site = headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin' && site !== 'none') {
    return 'the request comes from a page of another site'
  }
  const origin = headers.get('origin')
  if (origin !== null && !isSameOrigin(origin, headers.get('host') ?? '')) {
    return `the request comes from a page of ${origin}`
  }
  return undefined
}

/** True for loopback, a unix socket, and this machine's own address. */
export function isOfThisMachine({ peer, local }: Caller): boolean {
  const plain = peer.startsWith('::ffff:') ? peer.slice(7) : peer
  return plain === 'unix:' || plain === '::1' || plain.startsWith('127.') || peer === local
}

function isOwnName(host: string, serverNames: readonly string[]): boolean {
  if (isIP(host) !== 0 || host === 'localhost') return true
  return host !== '' && serverNames.some((name) => name.toLowerCase() === host)
}

/** The host of a `Host` field, without port and brackets, in lower case. */
function hostOf(field: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(field)
  return (match?.[1] ?? match?.[2] ?? '').toLowerCase()
}

function isSameOrigin(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}
