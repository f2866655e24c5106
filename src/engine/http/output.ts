/**
 * What goes out within one turn of the event loop, collected in one buffer of the process.
 *
 * A connection writes its response heads and small bodies here, and all of it leaves in one system call
 * when the connection's turn ends. Only one connection at a time owns the buffer: one that writes while
 * another's bytes lie here has those sent first.
 */
import type { Socket } from '../net/socket.ts'

/** Room for several responses of pipelined requests; larger bodies are written past it. */
const outputBytes = 64 * 1024

/** UTF-8 takes at most this many bytes for one unit of a string. */
const bytesPerUnitMax = 3

/** Whose bytes they are. */
export interface OutputOwner {
  readonly socket: Socket
  /** The kernel has not taken all: the owner stops until `onDrain`. */
  blocked: boolean
}

export class Output {
  readonly #bytes: Buffer = Buffer.allocUnsafeSlow(outputBytes)
  #length = 0
  #owner: OutputOwner | undefined

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

  /** Adds bytes: copied where they are few, written at once where they are many. */
  bytes(owner: OutputOwner, chunk: Buffer): void {
    if (chunk.length <= outputBytes >> 2) {
      this.#claim(owner, chunk.length)
      chunk.copy(this.#bytes, this.#length)
      this.#length += chunk.length
      return
    }
    if (this.#owner !== owner) this.flush()
    const { socket } = owner
    const taken = this.#length === 0 ? socket.write(chunk) : socket.writeBoth(this.#take(), chunk)
    if (!taken) owner.blocked = true
  }

  /** Sends what lies here. */
  flush(): void {
    const owner = this.#owner
    this.#owner = undefined
    if (this.#length > 0 && !owner!.socket.write(this.#take())) owner!.blocked = true
  }

  #take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length)
    this.#length = 0
    return bytes
  }

  #claim(owner: OutputOwner, room: number): void {
    if (this.#owner !== owner || this.#length + room > outputBytes) this.flush()
    this.#owner = owner
  }
}
