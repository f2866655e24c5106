/**
 * Opens the descriptors that listeners stand on, with errors in nginx's words.
 *
 * Whoever opens (the master, a worker without one, a configuration test) hands the number on; accepting
 * is the transport's. What can be set on an open socket is in `tuneListeningSocket`, so that a changed
 * `backlog` or `rcvbuf` does not cost the connections that wait in its queue.
 */
import { chmodSync, unlinkSync } from 'node:fs'
import type { Log } from '../core/log.ts'
import { formatAddress, type Address, type UnixAddress } from './address.ts'
import { errnoText, systemError } from './errors.ts'
import {
  EADDRINUSE,
  ECONNREFUSED,
  IP_ORIGDSTADDR,
  IP_PKTINFO,
  IP_TRANSPARENT,
  IPV6_ORIGDSTADDR,
  IPV6_RECVPKTINFO,
  IPV6_TRANSPARENT,
  IPV6_V6ONLY,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUF,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_TCP,
  TCP_DEFER_ACCEPT,
  TCP_FASTOPEN,
  TCP_NODELAY,
} from './ffi/constants.ts'
import { bindSocket, check, connectSocket, setOption, useScratch } from './ffi/socket-calls.ts'
import { familyOf } from './ffi/sockaddr.ts'
import { applyKeepAlive } from './keep-alive.ts'
import { backlogConnections } from './limits.ts'
import type { ListenSpec } from './listen-plan.ts'

/** Everybody may connect to a unix socket, as with nginx; the folder's mode keeps others out. */
const unixSocketMode = 0o666

/** Worded as nginx does: `bind() to 0.0.0.0:80 failed (98: Address already in use)`. */
export class ListenError extends Error {
  readonly code: string
  readonly syscall: string
  /** The port that could not be had; `undefined` for a unix socket. */
  readonly port: number | undefined

  constructor(what: string, cause: NodeJS.ErrnoException, port?: number) {
    super(`${what} failed (${errnoText(cause)})`, { cause })
    this.name = 'ListenError'
    this.code = cause.code ?? 'UNKNOWN'
    this.syscall = cause.syscall ?? ''
    this.port = port
  }
}

/**
 * A bound descriptor, listening where it is TCP. Options that the system refuses but that are not needed
 * to serve are logged and left out. Throws `ListenError`.
 */
export function openListeningSocket(spec: ListenSpec, log: Log): number {
  const { libc } = useScratch()
  const type = (spec.protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC
  const text = formatAddress(spec.address)
  const fd = attempt(`socket() ${text}`, () =>
    check(libc.socket(familyOf(spec.address), type, 0), 'socket'),
  )
  try {
    settleAddress(fd, spec, log)
    bindTo(fd, spec)
    tuneListeningSocket(fd, spec, log)
    return fd
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

/** Closes a descriptor that serves nobody: -1 stands for none. */
export function closeDescriptor(fd: number): void {
  if (fd !== -1) useScratch().libc.close(fd)
}

/** A unix socket's file outlives its descriptor; whoever opened it removes it in the end. */
export function removeSocketFile(address: Address): void {
  if (address.family === 'unix') removeFile(address.path)
}

/** Lets a second socket with `reuseport` be bound to the address of this one, which goes soon. */
export function shareAddress(fd: number): void {
  setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)
}

/** Brings an open socket in line with the options that can be set at any time. */
export function tuneListeningSocket(fd: number, spec: ListenSpec, log: Log): void {
  const { options } = spec
  const set = (level: number, name: number, value: number, what: string): void => {
    const errno = setOption(fd, level, name, value)
    if (errno !== 0)
      ignore(log, `setsockopt(${what}, ${value}) ${formatAddress(spec.address)}`, errno)
  }
  if (options.rcvbuf !== undefined) set(SOL_SOCKET, SO_RCVBUF, options.rcvbuf, 'SO_RCVBUF')
  if (options.sndbuf !== undefined) set(SOL_SOCKET, SO_SNDBUF, options.sndbuf, 'SO_SNDBUF')
  if (options.soKeepalive !== undefined) applyKeepAlive(fd, options.soKeepalive)
  if (options.mesh === true && spec.address.family !== 'unix') intercept(fd, spec, log)
  if (spec.protocol === 'tcp') listen(fd, spec, set)
  else askForDestination(spec, set)
}

/** Of a wildcard socket only the packet tells which of our addresses the client spoke to. */
function askForDestination({ address, options }: ListenSpec, set: SetOption): void {
  if (options.mesh === true || address.family === 'unix') return
  if (address.host === '0.0.0.0') set(SOL_IP, IP_PKTINFO, 1, 'IP_PKTINFO')
  if (address.host === '::') set(SOL_IPV6, IPV6_RECVPKTINFO, 1, 'IPV6_RECVPKTINFO')
}

type SetOption = (level: number, name: number, value: number, what: string) => void

function listen(fd: number, spec: ListenSpec, set: SetOption): void {
  const { options } = spec
  if (spec.address.family !== 'unix') {
    // Accepted sockets inherit it: one system call less for every connection.
    setOption(fd, SOL_TCP, TCP_NODELAY, 1)
    if (options.fastopen !== undefined) set(SOL_TCP, TCP_FASTOPEN, options.fastopen, 'TCP_FASTOPEN')
    if (options.deferred !== undefined) {
      set(SOL_TCP, TCP_DEFER_ACCEPT, options.deferred ? 1 : 0, 'TCP_DEFER_ACCEPT')
    }
  }
  const backlog = options.backlog ?? backlogConnections
  attempt(
    `listen() to ${formatAddress(spec.address)}, backlog ${backlog}`,
    () => check(useScratch().libc.listen(fd, backlog), 'listen'),
    portOf(spec.address),
  )
}

/** What has to be settled before `bind`. */
function settleAddress(fd: number, { address, protocol, options }: ListenSpec, log: Log): void {
  if (address.family === 'unix') return
  setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
  // UDP sockets are one per worker: over a shared one nearly everything would go to one of them.
  if (options.reuseport === true || protocol === 'udp') setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)
  if (address.family !== 6) return
  const errno = setOption(fd, SOL_IPV6, IPV6_V6ONLY, options.ipv6only === false ? 0 : 1)
  if (errno !== 0) ignore(log, `setsockopt(IPV6_V6ONLY) ${formatAddress(address)}`, errno)
}

function bindTo(fd: number, { address }: ListenSpec): void {
  let errno = bindSocket(fd, address)
  if (errno === EADDRINUSE && address.family === 'unix' && isStale(address)) {
    removeFile(address.path)
    errno = bindSocket(fd, address)
  }
  if (errno !== 0) {
    const cause = systemError('bind', errno)
    throw new ListenError(`bind() to ${formatAddress(address)}`, cause, portOf(address))
  }
  if (address.family === 'unix') chmodSync(address.path, unixSocketMode)
}

/** A socket file whose listener was killed: nobody answers there any more. */
function isStale(address: UnixAddress): boolean {
  const { libc } = useScratch()
  const fd = libc.socket(familyOf(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  if (fd < 0) return false
  const errno = connectSocket(fd, address)
  libc.close(fd)
  return errno === ECONNREFUSED
}

function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Lets the socket take traffic that was sent to other addresses (TPROXY). Serves on without. */
function intercept(fd: number, { address, protocol, options }: ListenSpec, log: Log): void {
  const families = address.family === 4 ? [v4] : options.ipv6only === false ? [v6, v4] : [v6]
  for (const { level, transparent, originalDestination, prefix } of families) {
    const errno = setOption(fd, level, transparent, 1)
    if (errno !== 0) {
      const reason = 'intercepted UDP and TPROXY need the capability CAP_NET_ADMIN'
      const what = `setsockopt(${prefix}_TRANSPARENT) ${formatAddress(address)}`
      ignore(log, what, errno, `; ${reason}`)
    }
    if (protocol === 'tcp') continue
    const failure = setOption(fd, level, originalDestination, 1)
    const what = `setsockopt(${prefix}_RECVORIGDSTADDR) ${formatAddress(address)}`
    if (failure !== 0) ignore(log, what, failure)
  }
}

const v4 = {
  level: SOL_IP,
  transparent: IP_TRANSPARENT,
  originalDestination: IP_ORIGDSTADDR,
  prefix: 'IP',
} as const

const v6 = {
  level: SOL_IPV6,
  transparent: IPV6_TRANSPARENT,
  originalDestination: IPV6_ORIGDSTADDR,
  prefix: 'IPV6',
} as const

function ignore(log: Log, what: string, errno: number, more = ''): void {
  const text = errnoText(systemError('setsockopt', errno))
  log.write('alert', `${what} failed, ignored (${text})${more}`)
}

function attempt<T>(what: string, call: () => T, port?: number): T {
  try {
    return call()
  } catch (error) {
    throw new ListenError(what, error as NodeJS.ErrnoException, port)
  }
}

function portOf(address: Address): number | undefined {
  return address.family === 'unix' ? undefined : address.port
}
