/**
 * Where an intercepted connection was meant to go.
 *
 * DNAT and REDIRECT rewrite the destination; the kernel's connection tracking remembers it and tells by
 * SO_ORIGINAL_DST. TPROXY leaves it as it is: the socket's own address is the destination then. A
 * connection that was not intercepted has the listener's address both ways, so it is told apart here:
 * proxying it to "where it was meant to go" would be a loop.
 */
import type { Address, InetAddress } from './address.ts'
import { SO_ORIGINAL_DST, SOL_IP, SOL_IPV6 } from './ffi/constants.ts'
import { ffiAvailable } from './ffi/libc.ts'
import { getAddressOption } from './ffi/socket-calls.ts'
import { sockaddrIn6Bytes, sockaddrInBytes } from './ffi/sockaddr.ts'
import type { Socket } from './socket.ts'

export interface OriginalDestination {
  readonly address: InetAddress
  /** False: the client connected to the listener itself. */
  readonly intercepted: boolean
}

/** Undefined for unix sockets and closed ones. `listener` is the address that is listened on. */
export function originalDestination(
  socket: Socket,
  listener: Address,
): OriginalDestination | undefined {
  const { local } = socket
  if (local.family === 'unix' || listener.family === 'unix') return undefined
  const tracked = trackedDestination(socket, local)
  // TPROXY: nothing was rewritten, and the port (or address) is not the one we listen on.
  const address = tracked ?? local
  return { address, intercepted: !isListener(address, local, listener) }
}

/** What connection tracking remembers; undefined where it does not know the connection. */
function trackedDestination(socket: Socket, local: InetAddress): InetAddress | undefined {
  if (!ffiAvailable() || socket.descriptor === -1) return undefined
  // An IPv4 client of a dual-stack listener is tracked as IPv4.
  const v4 = local.family === 4 || local.host.startsWith('::ffff:')
  const found = v4
    ? getAddressOption(socket.descriptor, SOL_IP, SO_ORIGINAL_DST, sockaddrInBytes)
    : getAddressOption(socket.descriptor, SOL_IPV6, SO_ORIGINAL_DST, sockaddrIn6Bytes)
  return found === undefined || found.family === 'unix' ? undefined : found
}

function isListener(address: InetAddress, local: InetAddress, listener: InetAddress): boolean {
  if (address.port !== listener.port) return false
  const wildcard = listener.host === '0.0.0.0' || listener.host === '::'
  return plainHost(address) === plainHost(wildcard ? local : listener)
}

/** `::ffff:192.0.2.1` is 192.0.2.1. */
function plainHost({ host }: InetAddress): string {
  return host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host
}
