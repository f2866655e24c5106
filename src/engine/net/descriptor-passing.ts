/**
 * Hands open descriptors to another process of ours.
 *
 * A child inherits descriptors that stand in `stdio` when it is spawned. What is opened later goes through
 * a socket pair of which the child inherited one end: the kernel duplicates descriptors that travel as
 * SCM_RIGHTS beside a message (unix(7)). The message names them.
 *
 * ```text
 *   master                                    worker
 *   { ours, theirs } = DescriptorChannel.pair()
 *   spawn(…, { stdio: [0, 1, 2, 'ipc', theirs] })
 *   ours.send([{ label, descriptor }])
 *   process.send('there is one for you')  ──▶  channel.receive() → [{ label, descriptor }]
 *
 *   msghdr:56 · iovec:16 · control (16 + 4 a descriptor) · payload: labels as JSON
 * ```
 *
 * Messages keep their bounds (SOCK_SEQPACKET) and order, so what was sent before an IPC message has arrived
 * when that comes in.
 */
import { systemError } from './errors.ts'
import type { Region } from './ffi/arena.ts'
import {
  AF_UNIX,
  EAGAIN,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  SCM_RIGHTS,
  SOCK_CLOEXEC,
  SOCK_SEQPACKET,
  SOL_SOCKET,
} from './ffi/constants.ts'
import { check, useScratch } from './ffi/socket-calls.ts'

/** Per message; the kernel takes 253. */
const descriptorsPerMessageMax = 64
const vectorAt = 56
const controlAt = 72
const controlHeaderBytes = 16
const controlBytes: number = controlHeaderBytes + descriptorsPerMessageMax * 4
const payloadAt: number = controlAt + controlBytes
/** 64 labels; a label is a listen key, with the path of a unix socket at most. */
const payloadBytesMax: number = 32 * 1024
const flagsWord = 12

export interface PassedDescriptor {
  readonly label: string
  readonly descriptor: number
}

export class DescriptorChannel {
  #descriptor: number

  /** Over one end of a pair, such as the descriptor that this process inherited. */
  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** Our end, and a descriptor for the child's `stdio`, to be closed by `closeDescriptor` after spawning. */
  static pair(): { readonly ours: DescriptorChannel; readonly theirs: number } {
    const { libc, region } = useScratch()
    const type = SOCK_SEQPACKET | SOCK_CLOEXEC
    check(libc.socketpair(AF_UNIX, type, 0, region.address), 'socketpair')
    return { ours: new DescriptorChannel(region.i32[0]!), theirs: region.i32[1]! }
  }

  /** Sends duplicates; the caller's descriptors stay open. Throws when the other side is gone or stuck. */
  send(items: readonly PassedDescriptor[]): void {
    for (let from = 0; from < items.length; from += descriptorsPerMessageMax) {
      this.#sendMessage(items.slice(from, from + descriptorsPerMessageMax))
    }
  }

  /** Everything that has arrived. */
  receive(): readonly PassedDescriptor[] {
    const all: PassedDescriptor[] = []
    for (;;) {
      const message = this.#receiveMessage()
      if (message === undefined) return all
      all.push(...message)
    }
  }

  close(): void {
    if (this.#descriptor !== -1) useScratch().libc.close(this.#descriptor)
    this.#descriptor = -1
  }

  #sendMessage(items: readonly PassedDescriptor[]): void {
    const { libc } = useScratch()
    const memory = useMessage()
    const { bytes, i32 } = memory
    const payload = Buffer.from(JSON.stringify(items.map(({ label }) => label)))
    if (payload.length > payloadBytesMax) throw new RangeError('labels of descriptors are too long')
    payload.copy(bytes, payloadAt)
    const control = controlHeaderBytes + items.length * 4
    bytes.writeBigUInt64LE(BigInt(control), controlAt)
    bytes.writeInt32LE(SOL_SOCKET, controlAt + 8)
    bytes.writeInt32LE(SCM_RIGHTS, controlAt + 12)
    items.forEach(({ descriptor }, index) => {
      i32[(controlAt + controlHeaderBytes) / 4 + index] = descriptor
    })
    writeHeader(memory, Math.ceil(control / 8) * 8, payload.length)
    check(libc.sendmsg(this.#descriptor, memory.address, MSG_DONTWAIT | MSG_NOSIGNAL), 'sendmsg')
  }

  #receiveMessage(): readonly PassedDescriptor[] | undefined {
    const { libc, errno } = useScratch()
    const memory = useMessage()
    const { bytes, i32 } = memory
    writeHeader(memory, controlBytes, payloadBytesMax)
    const length = libc.recvmsg(this.#descriptor, memory.address, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
    if (length < 0) {
      const code = errno()
      if (code === EAGAIN) return undefined
      throw systemError('recvmsg', code)
    }
    if (length === 0) return undefined
    if ((i32[flagsWord]! & (MSG_TRUNC | MSG_CTRUNC)) !== 0) {
      throw new Error('descriptors were lost: this process may not open as many')
    }
    const labels = JSON.parse(bytes.toString('utf8', payloadAt, payloadAt + length)) as string[]
    const first = (controlAt + controlHeaderBytes) / 4
    return labels.map((label, index) => ({ label, descriptor: i32[first + index]! }))
  }
}

function writeHeader({ bytes, address }: Region, control: number, payload: number): void {
  const words = [
    0,
    0,
    address + vectorAt,
    1,
    address + controlAt,
    control,
    0,
    address + payloadAt,
    payload,
  ]
  words.forEach((word, index) => bytes.writeBigUInt64LE(BigInt(word), index * 8))
}

let message: Region | undefined

/** Memory for one message; calls are synchronous, so one is enough. */
function useMessage(): Region {
  message ??= useScratch()
    .createArena(payloadAt + payloadBytesMax)
    .take(payloadAt + payloadBytesMax)
  return message
}
