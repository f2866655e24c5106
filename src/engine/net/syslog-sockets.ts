/**
 * Datagrams to syslog servers: over UDP by Node, over unix sockets by the system's own calls, which Node has
 * no datagrams for.
 */
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { SyslogAddress, SyslogTransport } from '../core/syslog.ts'
import {
  AF_UNIX,
  EAGAIN,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
} from './ffi/constants.ts'
import { loadSystem } from './ffi/libc.ts'
import { connectSocket } from './ffi/socket-calls.ts'

export class SyslogSockets implements SyslogTransport {
  readonly #udp = new Map<'udp4' | 'udp6', Socket>()
  /** Descriptors by path. */
  readonly #unix = new Map<string, number>()

  send(address: SyslogAddress, datagram: Buffer): void {
    if (address.kind === 'udp') this.#sendUdp(address.host, address.port, datagram)
    else if (!this.#sendUnix(address.path, datagram)) {
      // The server has been started anew: its socket is another one.
      this.#forget(address.path)
      this.#sendUnix(address.path, datagram)
    }
  }

  close(): void {
    for (const socket of this.#udp.values()) socket.close()
    this.#udp.clear()
    for (const path of this.#unix.keys()) this.#forget(path)
  }

  #sendUdp(host: string, port: number, datagram: Buffer): void {
    const kind = isIPv6(host) ? 'udp6' : 'udp4'
    let socket = this.#udp.get(kind)
    if (socket === undefined) {
      socket = createSocket(kind).unref()
      // Nobody listens, or the name means nothing: nothing to be done about it here.
      socket.on('error', () => {})
      this.#udp.set(kind, socket)
    }
    socket.send(datagram, port, host, () => {})
  }

  /** False when the socket is good for nothing any more; a server that is only slow loses the line. */
  #sendUnix(path: string, datagram: Buffer): boolean {
    const descriptor = this.#unix.get(path) ?? this.#open(path)
    if (descriptor === undefined) return true
    const { libc, errno } = loadSystem()!
    const sent = libc.sendBuffer(descriptor, datagram, datagram.length, MSG_NOSIGNAL)
    return sent >= 0 || errno() === EAGAIN
  }

  #open(path: string): number | undefined {
    const libc = loadSystem()?.libc
    if (libc === undefined) return undefined
    const descriptor = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
    if (descriptor < 0) return undefined
    if (connectSocket(descriptor, { family: 'unix', path }) !== 0) {
      libc.close(descriptor)
      return undefined
    }
    this.#unix.set(path, descriptor)
    return descriptor
  }

  #forget(path: string): void {
    const descriptor = this.#unix.get(path)
    if (descriptor === undefined) return
    loadSystem()!.libc.close(descriptor)
    this.#unix.delete(path)
  }
}
