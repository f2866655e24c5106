/** Descriptors for connections that we open: made, bound and set up, but not connected yet. */
import type { Address } from './address.ts'
import { systemError } from './errors.ts'
import {
  IP_BIND_ADDRESS_NO_PORT,
  IP_TRANSPARENT,
  IPV6_TRANSPARENT,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_SNDBUF,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_TCP,
  TCP_NODELAY,
} from './ffi/constants.ts'
import { bindSocket, check, setOption, useScratch } from './ffi/socket-calls.ts'
import { familyOf } from './ffi/sockaddr.ts'
import { applyKeepAlive } from './keep-alive.ts'
import type { ConnectOptions } from './transport.ts'

/** Throws the error of the call that failed, with its `syscall`. */
export function openOutgoing(
  type: 'stream' | 'datagram',
  address: Address,
  options: ConnectOptions,
): number {
  const { libc } = useScratch()
  const kind = (type === 'stream' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC
  const fd = check(libc.socket(familyOf(address), kind, 0), 'socket')
  try {
    if (type === 'stream' && address.family !== 'unix') prepareStream(fd, options)
    if (options.rcvbuf !== undefined) setOption(fd, SOL_SOCKET, SO_RCVBUF, options.rcvbuf)
    if (options.sndbuf !== undefined) setOption(fd, SOL_SOCKET, SO_SNDBUF, options.sndbuf)
    // Several sessions of one client may come from the same port of ours.
    if (type === 'datagram' && (options.bind?.port ?? 0) !== 0) {
      setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    }
    if (options.bind !== undefined) bindTo(fd, options.bind, options.transparent ?? false)
    return fd
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

function prepareStream(fd: number, options: ConnectOptions): void {
  if (options.noDelay !== false) setOption(fd, SOL_TCP, TCP_NODELAY, 1)
  if (options.keepAlive !== undefined) applyKeepAlive(fd, options.keepAlive)
}

function bindTo(fd: number, address: NonNullable<ConnectOptions['bind']>, foreign: boolean): void {
  if (foreign) {
    const v6 = address.family === 6
    const errno = v6
      ? setOption(fd, SOL_IPV6, IPV6_TRANSPARENT, 1)
      : setOption(fd, SOL_IP, IP_TRANSPARENT, 1)
    if (errno !== 0) throw systemError('setsockopt', errno, 'IP_TRANSPARENT')
  }
  // The port is chosen at connect, when the peer is known: it need only be unique towards that peer.
  if (address.port === 0) setOption(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
  const errno = bindSocket(fd, address)
  if (errno !== 0) throw systemError('bind', errno, address.host)
}
