/**
 * Linux sockets and epoll called straight through FFI: 0.2 µs over the system call itself.
 *
 * The load must cost less than what it loads. Node's own sockets cost several microseconds per message, as
 * much as the proxies that are measured; with them, the generator would be what the figures show.
 *
 * Nothing here waits but the poller and, for an instant, `connect`. Calls return the kernel's value, -1 for
 * any failure. Addresses are IPv4 loopback only.
 */
import koffi from 'koffi'

const libc = koffi.load('libc.so.6')

const socket = libc.func('int socket(int family, int type, int protocol)')
const bind = libc.func('int bind(int fd, void *address, unsigned int length)')
const listen = libc.func('int listen(int fd, int backlog)')
const connect = libc.func('int connect(int fd, void *address, unsigned int length)')
const accept4 = libc.func('int accept4(int fd, void *address, void *length, int flags)')
const recv = libc.func('int64_t recv(int fd, void *buffer, size_t length, int flags)')
const send = libc.func('int64_t send(int fd, void *buffer, size_t length, int flags)')
const recvfrom = libc.func(
  'int64_t recvfrom(int fd, void *buffer, size_t length, int flags, void *address, void *size)',
)
const sendto = libc.func(
  'int64_t sendto(int fd, void *buffer, size_t length, int flags, void *address, unsigned int size)',
)
const setsockopt = libc.func(
  'int setsockopt(int fd, int level, int name, void *value, unsigned int n)',
)
const close = libc.func('int close(int fd)')
const epollCreate = libc.func('int epoll_create1(int flags)')
const epollControl = libc.func('int epoll_ctl(int epoll, int operation, int fd, void *event)')
const epollWait = libc.func('int epoll_wait(int epoll, void *events, int count, int timeout)')

const familyInet = 2
const typeStream = 1
const typeNonBlocking = 0x800
const typeDatagram = 2
const levelSocket = 1
const levelTcp = 6
const reuseAddress = 2
const linger = 13
const tcpNoDelay = 1
const dontWait = 0x40
const noSignal = 0x4000

export const eventIn = 0x1
export const eventOut = 0x4
const controlAdd = 1
const controlModify = 3

const addressBytes = 16
const backlog = 16_384
/** The kernel packs `struct epoll_event` on x86-64 only. */
const eventBytes = process.arch === 'x64' ? 12 : 16
const eventDataAt = eventBytes - 8

const one = Int32Array.of(1)
const resetOnClose = Int32Array.of(1, 0)
const peerAddress = Buffer.alloc(addressBytes)
const peerSize = Int32Array.of(addressBytes)

export class SocketError extends Error {
  constructor(call: string) {
    super(`${call}: errno ${koffi.errno()}`)
    this.name = 'SocketError'
  }
}

function loopback(port: number, host = '127.0.0.1'): Buffer {
  const address = Buffer.alloc(addressBytes)
  address.writeUInt16LE(familyInet, 0)
  address.writeUInt16BE(port, 2)
  for (const [i, octet] of host.split('.').entries()) address[4 + i] = Number(octet)
  return address
}

function check(call: string, result: number): number {
  if (result < 0) throw new SocketError(call)
  return result
}

export function listenTcp(port: number): number {
  const fd = check('socket', socket(familyInet, typeStream | typeNonBlocking, 0))
  setsockopt(fd, levelSocket, reuseAddress, one, 4)
  check('bind', bind(fd, loopback(port), addressBytes))
  check('listen', listen(fd, backlog))
  return fd
}

/** A connection that waits in the backlog; -1 when there is none. */
export function acceptTcp(fd: number): number {
  const client: number = accept4(fd, null, null, 0)
  if (client >= 0) setsockopt(client, levelTcp, tcpNoDelay, one, 4)
  return client
}

/** Connects at once: on loopback the kernel answers for a listener whose backlog has room. */
export function connectTcp(port: number): number {
  const fd = check('socket', socket(familyInet, typeStream, 0))
  setsockopt(fd, levelTcp, tcpNoDelay, one, 4)
  if (connect(fd, loopback(port), addressBytes) < 0) {
    close(fd)
    throw new SocketError('connect')
  }
  return fd
}

export function bindUdp(port: number): number {
  const fd = check('socket', socket(familyInet, typeDatagram, 0))
  check('bind', bind(fd, loopback(port), addressBytes))
  return fd
}

export function connectUdp(port: number): number {
  const fd = check('socket', socket(familyInet, typeDatagram, 0))
  check('connect', connect(fd, loopback(port), addressBytes))
  return fd
}

/** Bytes read, 0 at the peer's end, -1 when there are none or on failure. */
export function receive(fd: number, buffer: Buffer): number {
  return recv(fd, buffer, buffer.length, dontWait)
}

export function transmit(fd: number, buffer: Buffer, length: number): number {
  return send(fd, buffer, length, dontWait | noSignal)
}

/** Sends one datagram back to where it came from; false when none waits. */
export function echoDatagram(fd: number, buffer: Buffer): boolean {
  peerSize[0] = addressBytes
  const length: number = recvfrom(fd, buffer, buffer.length, dontWait, peerAddress, peerSize)
  if (length < 0) return false
  sendto(fd, buffer, length, dontWait, peerAddress, addressBytes)
  return true
}

export function closeSocket(fd: number): void {
  close(fd)
}

/** Closes by reset, so that no port stays in TIME_WAIT. */
export function resetSocket(fd: number): void {
  setsockopt(fd, levelSocket, linger, resetOnClose, 8)
  close(fd)
}

/** Level-triggered readiness of descriptors, each with one handler. */
export class Poller {
  readonly #epoll: number = check('epoll_create1', epollCreate(0))
  readonly #handlers: (((events: number) => void) | undefined)[] = []
  readonly #ready: Buffer = Buffer.alloc(eventBytes * 512)
  readonly #event: Buffer = Buffer.alloc(eventBytes)

  add(fd: number, events: number, handler: (events: number) => void): void {
    this.#handlers[fd] = handler
    this.#control(controlAdd, fd, events)
  }

  change(fd: number, events: number): void {
    this.#control(controlModify, fd, events)
  }

  /** The kernel forgets a descriptor by itself when it is closed. */
  forget(fd: number): void {
    this.#handlers[fd] = undefined
  }

  /** Waits for readiness and runs the handlers of all that are ready. */
  runOnce(timeoutMs: number): void {
    const count: number = epollWait(this.#epoll, this.#ready, 512, timeoutMs)
    for (let i = 0; i < count; i++) {
      const at = i * eventBytes
      const fd = this.#ready.readInt32LE(at + eventDataAt)
      this.#handlers[fd]?.(this.#ready.readUInt32LE(at))
    }
  }

  #control(operation: number, fd: number, events: number): void {
    this.#event.writeUInt32LE(events, 0)
    this.#event.writeInt32LE(fd, eventDataAt)
    check('epoll_ctl', epollControl(this.#epoll, operation, fd, this.#event))
  }
}
