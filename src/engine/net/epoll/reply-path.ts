/**
 * Answers to clients of a datagram listener, from the address that the client spoke to.
 *
 * Mostly that is the listener's socket; where it is bound to a wildcard, a control message names the
 * source address. The client of an intercepted datagram spoke to another port, so a socket of its own is
 * bound there. That one is never connected: the kernel would hand it the client's next datagrams.
 */
import type { Address, InetAddress } from '../address.ts'
import type { ReplyPath } from '../datagram.ts'
import { systemError } from '../errors.ts'
import type { Region } from '../ffi/arena.ts'
import {
  EPERM,
  IP_PKTINFO,
  IP_TRANSPARENT,
  IPV6_PKTINFO,
  IPV6_TRANSPARENT,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
} from '../ffi/constants.ts'
import { bindSocket, check, setOption, useScratch } from '../ffi/socket-calls.ts'
import { familyOf, sockaddrBytesMax } from '../ffi/sockaddr.ts'
import { hostToBytes } from '../ip-bytes.ts'
import { datagramBytesMax } from '../limits.ts'

/** Where the parts of an outgoing message lie, see `sendFrom`. */
const vectorAt = 56
const nameAt = 72
const controlAt: number = nameAt + sockaddrBytesMax
const payloadAt: number = controlAt + 64
let message: Region | undefined

/** The descriptor of the listener, or -1 once that has closed. */
export interface ListenerDescriptor {
  readonly descriptor: number
}

export interface ReplyOptions {
  readonly remote: Address
  /** The `sockaddr` of `remote`, kept by the path. */
  readonly rawRemote: Buffer
  readonly local: Address
}

/** Through the listener's own socket. */
export class SharedReplyPath implements ReplyPath {
  readonly remote: Address
  readonly local: Address
  readonly #rawRemote: Buffer
  readonly #listener: ListenerDescriptor

  constructor(listener: ListenerDescriptor, options: ReplyOptions) {
    this.#listener = listener
    this.remote = options.remote
    this.local = options.local
    this.#rawRemote = options.rawRemote
  }

  send(data: Buffer): boolean {
    const { descriptor } = this.#listener
    return descriptor !== -1 && sendTo(descriptor, data, this.#rawRemote)
  }

  close(): void {}
}

/** Through the listener's socket, with the source address named. */
export class SourcedReplyPath implements ReplyPath {
  readonly remote: Address
  readonly local: InetAddress
  readonly #rawRemote: Buffer
  readonly #control: Buffer
  readonly #listener: ListenerDescriptor

  constructor(
    listener: ListenerDescriptor,
    options: ReplyOptions & { readonly local: InetAddress },
  ) {
    this.#listener = listener
    this.remote = options.remote
    this.local = options.local
    this.#rawRemote = options.rawRemote
    this.#control = sourceControl(options.local)
  }

  send(data: Buffer): boolean {
    const { descriptor } = this.#listener
    return descriptor !== -1 && sendFrom(descriptor, data, this.#rawRemote, this.#control)
  }

  close(): void {}
}

/** Through a socket bound to the original destination. */
export class BoundReplyPath implements ReplyPath {
  readonly remote: Address
  readonly local: InetAddress
  readonly #rawRemote: Buffer
  #descriptor: number

  constructor(options: ReplyOptions & { readonly local: InetAddress }) {
    this.remote = options.remote
    this.local = options.local
    this.#rawRemote = options.rawRemote
    this.#descriptor = openBound(options.local)
  }

  send(data: Buffer): boolean {
    return this.#descriptor !== -1 && sendTo(this.#descriptor, data, this.#rawRemote)
  }

  close(): void {
    if (this.#descriptor !== -1) useScratch().libc.close(this.#descriptor)
    this.#descriptor = -1
  }
}

function openBound(local: InetAddress): number {
  const { libc } = useScratch()
  const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC
  const fd = check(libc.socket(familyOf(local), type, 0), 'socket')
  setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
  setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)
  const refused =
    local.family === 4
      ? setOption(fd, SOL_IP, IP_TRANSPARENT, 1)
      : setOption(fd, SOL_IPV6, IPV6_TRANSPARENT, 1)
  const errno = bindSocket(fd, local)
  if (errno === 0) return fd
  libc.close(fd)
  throw systemError('bind', refused === EPERM ? EPERM : errno, `${local.host}:${local.port}`)
}

function sendTo(fd: number, data: Buffer, rawRemote: Buffer): boolean {
  const { libc, region } = useScratch()
  region.bytes.set(rawRemote, 0)
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL
  const sent = libc.sendBufferTo(fd, data, data.length, flags, region.address, rawRemote.length)
  return sent === data.length
}

/**
 * A `msghdr` needs the address of its payload, so the datagram is copied into an arena first.
 *
 * ```text
 *   msghdr:56 · iovec:16 · sockaddr:128 · control:64 · payload
 * ```
 */
function sendFrom(fd: number, data: Buffer, rawRemote: Buffer, control: Buffer): boolean {
  const { libc } = useScratch()
  message ??= useScratch()
    .createArena(payloadAt + datagramBytesMax)
    .take(payloadAt + datagramBytesMax)
  const { bytes, address } = message
  const words: readonly number[] = [
    address + nameAt,
    rawRemote.length,
    address + vectorAt,
    1,
    address + controlAt,
    control.length,
    0,
    address + payloadAt,
    data.length,
  ]
  words.forEach((word, index) => bytes.writeBigUInt64LE(BigInt(word), index * 8))
  rawRemote.copy(bytes, nameAt)
  control.copy(bytes, controlAt)
  data.copy(bytes, payloadAt)
  return libc.sendmsg(fd, address, MSG_DONTWAIT | MSG_NOSIGNAL) === data.length
}

/** The control message that names the source of an outgoing datagram. */
function sourceControl(local: InetAddress): Buffer {
  const host = hostToBytes(local.host)!
  const v6 = local.family === 6
  const control = Buffer.alloc(v6 ? 40 : 32)
  control.writeBigUInt64LE(BigInt(v6 ? 36 : 28), 0)
  control.writeInt32LE(v6 ? SOL_IPV6 : SOL_IP, 8)
  control.writeInt32LE(v6 ? IPV6_PKTINFO : IP_PKTINFO, 12)
  // in6_pktinfo: address, interface; in_pktinfo: interface, address to send from, header's address.
  control.set(host, v6 ? 16 : 20)
  return control
}
