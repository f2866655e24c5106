/**
 * The C library's socket calls, bound through koffi once per process.
 *
 * `pointer` arguments are addresses within arenas. Calls return -1 on failure; `errno` is then to be read
 * at once and only once, before anything else is called.
 */
import { createRequire } from 'node:module'
import type koffiModule from 'koffi'
import { createArenaSource, type Arena, type ArenaSource } from './arena.ts'

export type Koffi = typeof koffiModule

type Pointer = number

export interface Libc {
  socket(family: number, type: number, protocol: number): number
  socketpair(family: number, type: number, protocol: number, pair: Pointer): number
  bind(fd: number, address: Pointer, length: number): number
  listen(fd: number, backlog: number): number
  accept4(fd: number, address: Pointer, length: Pointer, flags: number): number
  connect(fd: number, address: Pointer, length: number): number
  recv(fd: number, data: Pointer, length: number, flags: number): number
  send(fd: number, data: Pointer, length: number, flags: number): number
  /** `send` from memory of the JavaScript heap. */
  sendBuffer(fd: number, data: Uint8Array, length: number, flags: number): number
  /** `sendto` from memory of the JavaScript heap. */
  sendBufferTo(
    fd: number,
    data: Uint8Array,
    length: number,
    flags: number,
    address: Pointer,
    addressLength: number,
  ): number
  sendmsg(fd: number, message: Pointer, flags: number): number
  recvmsg(fd: number, message: Pointer, flags: number): number
  recvmmsg(fd: number, messages: Pointer, count: number, flags: number, timeout: 0): number
  shutdown(fd: number, how: number): number
  close(fd: number): number
  setsockopt(fd: number, level: number, name: number, value: Pointer, length: number): number
  getsockopt(fd: number, level: number, name: number, value: Pointer, length: Pointer): number
  getsockname(fd: number, address: Pointer, length: Pointer): number
  epoll_create1(flags: number): number
  epoll_ctl(epoll: number, operation: number, fd: number, event: Pointer): number
  epoll_wait(epoll: number, events: Pointer, count: number, timeoutMs: number): number
  strerror(code: number): string
}

export interface System {
  readonly libc: Libc
  readonly koffi: Koffi
  readonly errno: () => number
  readonly createArena: (bytes: number) => Arena
  /** How a prototype names an address within an arena. */
  readonly pointerType: ArenaSource['pointerType']
}

/** Prototypes; `%` stands for an address in an arena. */
const prototypes = {
  socket: 'int socket(int, int, int)',
  socketpair: 'int socketpair(int, int, int, %)',
  bind: 'int bind(int, %, uint32_t)',
  listen: 'int listen(int, int)',
  accept4: 'int accept4(int, %, %, int)',
  connect: 'int connect(int, %, uint32_t)',
  recv: 'int recv(int, %, uint32_t, int)',
  send: 'int send(int, %, uint32_t, int)',
  sendBuffer: 'int send(int, const void *, uint32_t, int)',
  sendBufferTo: 'int sendto(int, const void *, uint32_t, int, %, uint32_t)',
  sendmsg: 'int sendmsg(int, %, int)',
  recvmsg: 'int recvmsg(int, %, int)',
  recvmmsg: 'int recvmmsg(int, %, uint32_t, int, %)',
  shutdown: 'int shutdown(int, int)',
  close: 'int close(int)',
  setsockopt: 'int setsockopt(int, int, int, %, uint32_t)',
  getsockopt: 'int getsockopt(int, int, int, %, %)',
  getsockname: 'int getsockname(int, %, %)',
  epoll_create1: 'int epoll_create1(int)',
  epoll_ctl: 'int epoll_ctl(int, int, int, %)',
  epoll_wait: 'int epoll_wait(int, %, int, int)',
  strerror: 'const char *strerror(int)',
} as const satisfies Record<keyof Libc, string>

let system: System | undefined | 'not looked for' = 'not looked for'

/** True when this process can talk to the kernel itself: Linux, with koffi installed for this machine. */
export function ffiAvailable(): boolean {
  return loadSystem() !== undefined
}

/** The bindings, or `undefined` where there are none. */
export function loadSystem(): System | undefined {
  if (system === 'not looked for') system = process.platform === 'linux' ? bind() : undefined
  return system
}

/** The bindings, for code that runs only where they are. */
export function requireSystem(): System {
  const found = loadSystem()
  if (found === undefined) throw new Error('system calls need Linux and the koffi package')
  return found
}

function bind(): System | undefined {
  try {
    // Loaded when first needed: a process that opens no socket does without the library.
    const koffi = createRequire(import.meta.url)('koffi') as Koffi
    const arenas = createArenaSource(koffi)
    return {
      libc: bindFunctions(koffi, arenas),
      koffi,
      errno: koffi.errno,
      createArena: (bytes) => arenas.create(bytes),
      pointerType: arenas.pointerType,
    }
  } catch {
    return undefined
  }
}

function bindFunctions(koffi: Koffi, { pointerType }: ArenaSource): Libc {
  const library = koffi.load(null)
  const bound: Record<string, unknown> = {}
  for (const [name, prototype] of Object.entries(prototypes)) {
    bound[name] = library.func(prototype.replaceAll('%', pointerType))
  }
  return bound as unknown as Libc
}
