/**
 * Memory for taking many datagrams with one `recvmmsg`, and for reading what came with each.
 *
 * ```text
 *   mmsghdr   name:8 namelen:4 · iov:8 iovlen:8 control:8 controllen:8 flags:4 ·   length:4 ·     64 bytes
 *   iovec     base:8 length:8
 *   cmsghdr   length:8 level:4 type:4  data…                                      aligned to 8
 * ```
 */
import type { Address } from '../address.ts'
import type { Region } from '../ffi/arena.ts'
import {
  AF_INET,
  IP_ORIGDSTADDR,
  IP_PKTINFO,
  IPV6_ORIGDSTADDR,
  IPV6_PKTINFO,
  MSG_DONTWAIT,
  SOL_IP,
  SOL_IPV6,
} from '../ffi/constants.ts'
import type { System } from '../ffi/libc.ts'
import { decodeSockaddr, sockaddrBytesMax, sockaddrIn6Bytes } from '../ffi/sockaddr.ts'
import { ipv4Text, ipv6Text } from '../ip-bytes.ts'
import { datagramBytesMax, datagramsPerCallMax } from '../limits.ts'

const headerBytes = 64
const vectorBytes = 16
const controlBytes = 128
const controlHeaderBytes = 16
const payloadBytes: number = Math.ceil(datagramBytesMax / 8) * 8

/** Offsets within `mmsghdr`. */
const nameLengthAt = 8
const controlLengthAt = 40
const lengthAt = 56

/** An address that came with a datagram: with its port where the kernel tells it. */
export interface Destination {
  readonly host: string
  readonly family: 4 | 6
  /** Undefined: the listener's. */
  readonly port: number | undefined
}

export class DatagramBatch {
  readonly #system: System
  readonly #headers: Region
  readonly #names: Region
  readonly #control: Region
  readonly #payload: Region

  constructor(system: System) {
    this.#system = system
    const each = headerBytes + vectorBytes + sockaddrBytesMax + controlBytes + payloadBytes
    const arena = system.createArena(each * datagramsPerCallMax)
    this.#headers = arena.take(headerBytes * datagramsPerCallMax)
    const vectors = arena.take(vectorBytes * datagramsPerCallMax)
    this.#names = arena.take(sockaddrBytesMax * datagramsPerCallMax)
    this.#control = arena.take(controlBytes * datagramsPerCallMax)
    this.#payload = arena.take(payloadBytes * datagramsPerCallMax)
    for (let i = 0; i < datagramsPerCallMax; i += 1) this.#link(i, vectors)
  }

  /** Takes what has arrived; returns how many datagrams, or -1 with errno set. */
  receive(fd: number): number {
    const { libc } = this.#system
    for (let i = 0; i < datagramsPerCallMax; i += 1) this.#reset(i)
    return libc.recvmmsg(fd, this.#headers.address, datagramsPerCallMax, MSG_DONTWAIT, 0)
  }

  data(index: number): Buffer {
    const length = this.#headers.u32[(index * headerBytes + lengthAt) / 4]!
    const at = index * payloadBytes
    return this.#payload.bytes.subarray(at, at + length)
  }

  /** The sender's `sockaddr`, to be copied if it is to be kept. */
  rawRemote(index: number): Buffer {
    const at = index * sockaddrBytesMax
    return this.#names.bytes.subarray(at, at + this.#remoteLength(index))
  }

  remote(index: number): Address {
    return decodeSockaddr(this.#names.bytes, index * sockaddrBytesMax, this.#remoteLength(index))
  }

  /** Client address and port of IPv4 as a number of 48 bits; -1 for other families. */
  remoteNumber(index: number): number {
    const { bytes } = this.#names
    const at = index * sockaddrBytesMax
    if (bytes.readUInt16LE(at) !== AF_INET) return -1
    return bytes.readUInt32BE(at + 4) * 0x10000 + bytes.readUInt16BE(at + 2)
  }

  /** What the control messages say about where the datagram was sent. */
  destination(index: number): Destination | undefined {
    const { bytes } = this.#control
    let at = index * controlBytes
    const end = at + this.#headers.u32[(index * headerBytes + controlLengthAt) / 4]!
    while (at + controlHeaderBytes <= end) {
      const length = bytes.readUInt32LE(at)
      if (length < controlHeaderBytes) return undefined
      const found = this.#readControl(at)
      if (found !== undefined) return found
      at += Math.ceil(length / 8) * 8
    }
    return undefined
  }

  #readControl(at: number): Destination | undefined {
    const { bytes } = this.#control
    const level = bytes.readInt32LE(at + 8)
    const type = bytes.readInt32LE(at + 12)
    const data = at + controlHeaderBytes
    if (
      (level === SOL_IP && type === IP_ORIGDSTADDR) ||
      (level === SOL_IPV6 && type === IPV6_ORIGDSTADDR)
    ) {
      const address = decodeSockaddr(bytes, data, sockaddrIn6Bytes)
      return address.family === 'unix' ? undefined : address
    }
    if (level === SOL_IP && type === IP_PKTINFO) {
      return { family: 4, host: ipv4Text(bytes, data + 8), port: undefined }
    }
    if (level === SOL_IPV6 && type === IPV6_PKTINFO) {
      return { family: 6, host: ipv6Text(bytes, data), port: undefined }
    }
    return undefined
  }

  #remoteLength(index: number): number {
    return this.#headers.u32[(index * headerBytes + nameLengthAt) / 4]!
  }

  /** Points a header at its memory. */
  #link(index: number, vectors: Region): void {
    const header = this.#headers.bytes
    const at = index * headerBytes
    const write = (offset: number, value: number): void =>
      void header.writeBigUInt64LE(BigInt(value), at + offset)
    write(0, this.#names.address + index * sockaddrBytesMax)
    write(16, vectors.address + index * vectorBytes)
    write(24, 1)
    write(32, this.#control.address + index * controlBytes)
    const vector = vectors.bytes
    const payload = this.#payload.address + index * payloadBytes
    vector.writeBigUInt64LE(BigInt(payload), index * vectorBytes)
    vector.writeBigUInt64LE(BigInt(payloadBytes), index * vectorBytes + 8)
  }

  /** The kernel writes lengths where it found room. */
  #reset(index: number): void {
    const { u32 } = this.#headers
    const at = (index * headerBytes) / 4
    u32[at + nameLengthAt / 4] = sockaddrBytesMax
    u32[at + controlLengthAt / 4] = controlBytes
    u32[at + controlLengthAt / 4 + 1] = 0
  }
}
