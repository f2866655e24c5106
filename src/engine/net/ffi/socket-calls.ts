/**
 * Socket calls in terms of values instead of memory, for everything but the data path.
 *
 * One region of scratch memory serves all calls of the process: they are synchronous, so no two of them
 * use it at once.
 */
import type { Address } from '../address.ts'
import { systemError } from '../errors.ts'
import type { Region } from './arena.ts'
import { requireSystem, type System } from './libc.ts'
import { decodeSockaddr, encodeSockaddr, sockaddrBytesMax } from './sockaddr.ts'

const valueAt = sockaddrBytesMax
const lengthAt = valueAt + 8
const scratchBytes = 4096

export interface Scratch extends System {
  readonly region: Region
}

let scratch: Scratch | undefined

/** The bindings with memory for one call. */
export function useScratch(): Scratch {
  scratch ??= withScratch(requireSystem())
  return scratch
}

function withScratch(system: System): Scratch {
  return { ...system, region: system.createArena(scratchBytes).take(scratchBytes) }
}

/** Throws the error of the call when `result` is negative; `errno` must still be that of the call. */
export function check(result: number, syscall: string, subject = ''): number {
  if (result >= 0) return result
  const error = systemError(syscall, useScratch().errno(), subject)
  // Nobody may be there to catch it: then where it happened is what one wants to know.
  Error.captureStackTrace(error, check)
  throw error
}

/** Sets an option of one integer; returns 0 or the errno. */
export function setOption(fd: number, level: number, name: number, value: number): number {
  const { libc, region, errno } = useScratch()
  region.i32[valueAt / 4] = value
  return libc.setsockopt(fd, level, name, region.address + valueAt, 4) < 0 ? errno() : 0
}

/** Sets an option of two integers, such as SO_LINGER; returns 0 or the errno. */
export function setOptionPair(
  fd: number,
  level: number,
  name: number,
  pair: readonly [number, number],
): number {
  const { libc, region, errno } = useScratch()
  region.i32.set(pair, valueAt / 4)
  return libc.setsockopt(fd, level, name, region.address + valueAt, 8) < 0 ? errno() : 0
}

/** An option of one integer; negative when there is no such option. */
export function getOption(fd: number, level: number, name: number): number {
  const { libc, region } = useScratch()
  region.i32[lengthAt / 4] = 4
  const { address } = region
  const result = libc.getsockopt(fd, level, name, address + valueAt, address + lengthAt)
  return result < 0 ? -1 : region.i32[valueAt / 4]!
}

/** An option that is an address, such as SO_ORIGINAL_DST. */
export function getAddressOption(
  fd: number,
  level: number,
  name: number,
  length: number,
): Address | undefined {
  const { libc, region } = useScratch()
  region.i32[lengthAt / 4] = length
  const result = libc.getsockopt(fd, level, name, region.address, region.address + lengthAt)
  return result < 0 ? undefined : decodeSockaddr(region.bytes, 0, region.i32[lengthAt / 4]!)
}

/** An option that is a structure of words of four bytes; undefined when the kernel's is shorter. */
export function getWordsOption(
  fd: number,
  level: number,
  name: number,
  words: number,
): Int32Array | undefined {
  const { libc, region } = useScratch()
  region.i32[lengthAt / 4] = words * 4
  const result = libc.getsockopt(fd, level, name, region.address, region.address + lengthAt)
  if (result < 0 || region.i32[lengthAt / 4]! < words * 4) return undefined
  return region.i32.slice(0, words)
}

/** The address a descriptor is bound to; undefined when it is closed. */
export function localAddress(fd: number): Address | undefined {
  const { libc, region } = useScratch()
  region.i32[lengthAt / 4] = sockaddrBytesMax
  if (libc.getsockname(fd, region.address, region.address + lengthAt) < 0) return undefined
  return decodeSockaddr(region.bytes, 0, region.i32[lengthAt / 4]!)
}

/** Binds; returns 0 or the errno. */
export function bindSocket(fd: number, address: Address): number {
  const { libc, region, errno } = useScratch()
  const length = encodeSockaddr(region.bytes, 0, address)
  return libc.bind(fd, region.address, length) < 0 ? errno() : 0
}

/** Starts to connect; returns 0 or the errno, EINPROGRESS among them. */
export function connectSocket(fd: number, address: Address): number {
  const { libc, region, errno } = useScratch()
  const length = encodeSockaddr(region.bytes, 0, address)
  return libc.connect(fd, region.address, length) < 0 ? errno() : 0
}
