/**
 * What goes out within one turn of the event loop, collected in one buffer of the process.
 *
 * A connection writes its response heads and small bodies here, and all of it leaves in one system call
 * when the connection's turn ends. Only one connection at a time owns the buffer: one that writes while
 * another's bytes lie here has those sent first.
 */
import type { Socket } from '../net/socket.ts'
import type { Transport } from '../net/transport.ts'
import { copyRange } from '../core/copy-range.ts'

/** Room for several responses of pipelined requests; larger bodies are written past it. */
const outputBytes = 64 * 1024

/** Pieces up to this size are copied; beyond it a second range for the system call is cheaper. */
const copiedBytesMax: number = outputBytes >> 2

/** Chunks up to this size are cached views: making one costs as much as copying what is in it. */
const cachedViewBytesMax = 8 * 1024

/** UTF-8 takes at most this many bytes for one unit of a string. */
const bytesPerUnitMax = 3

/** Whose bytes they are. */
export interface OutputOwner {
  readonly socket: Socket
  /** The kernel has not taken all: the owner stops until `onDrain`. */
  blocked: boolean
}

export class Output {
  readonly #bytes: Buffer
  readonly #views: (Buffer | undefined)[] = []
  #length = 0
  #owner: OutputOwner | undefined

  constructor(transport: Pick<Transport, 'memory'>) {
    this.#bytes = transport.memory(outputBytes)
  }

  /** Adds a text and returns its bytes; what does not fit is sent first. */
  text(owner: OutputOwner, text: string): number {
    const room = text.length * bytesPerUnitMax
    if (room > outputBytes) {
      const bytes = Buffer.from(text)
      this.bytes(owner, bytes)
      return bytes.length
    }
    this.#claim(owner, room)
    const length = this.#bytes.write(text, this.#length)
    this.#length += length
    return length
  }

  /** The buffer, with room behind `length` for a writer of bytes, who then says by `commit` where they end. */
  reserve(owner: OutputOwner, room: number): Buffer {
    this.#claim(owner, room)
    return this.#bytes
  }

  /** Where the next byte goes. */
  get length(): number {
    return this.#length
  }

  commit(end: number): void {
    this.#length = end
  }

  /** Adds bytes: copied where they are few, written at once where they are many. */
  bytes(owner: OutputOwner, chunk: Buffer, from = 0, to: number = chunk.length): void {
    const length = to - from
    if (length <= copiedBytesMax) {
      this.#claim(owner, length)
      copyRange(chunk, from, to, this.#bytes, this.#length)
      this.#length += length
      return
    }
    if (this.#owner !== owner) this.flush()
    const { socket } = owner
    const part = length === chunk.length ? chunk : chunk.subarray(from, to)
    const taken = this.#length === 0 ? socket.write(part) : socket.writeBoth(this.#take(), part)
    if (!taken) owner.blocked = true
  }

  /** Sends what lies here. */
  flush(): void {
    const owner = this.#owner
    this.#owner = undefined
    if (this.#length > 0 && !owner!.socket.write(this.#take())) owner!.blocked = true
  }

  #take(): Buffer {
    const length = this.#length
    this.#length = 0
    if (length > cachedViewBytesMax) return this.#bytes.subarray(0, length)
    return (this.#views[length] ??= this.#bytes.subarray(0, length))
  }

  #claim(owner: OutputOwner, room: number): void {
    if (this.#owner !== owner || this.#length + room > outputBytes) this.flush()
    this.#owner = owner
  }
}
