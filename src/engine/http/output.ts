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

export class Output {
  readonly #bytes: Buffer = Buffer.allocUnsafeSlow(outputBytes)
  #length = 0
  #owner: Socket | undefined

  /** Adds a text; what does not fit is sent first. */
  text(socket: Socket, text: string): void {
    const room = text.length * bytesPerUnitMax
    if (room > outputBytes) {
      this.bytes(socket, Buffer.from(text))
      return
    }
    this.#claim(socket, room)
    this.#length += this.#bytes.write(text, this.#length)
  }

  /** Adds bytes: copied where they are few, written at once where they are many. */
  bytes(socket: Socket, chunk: Buffer): void {
    if (chunk.length <= outputBytes >> 2) {
      this.#claim(socket, chunk.length)
      chunk.copy(this.#bytes, this.#length)
      this.#length += chunk.length
      return
    }
    if (this.#owner !== undefined && this.#owner !== socket) this.flush()
    if (this.#length === 0) {
      socket.write(chunk)
      return
    }
    const head = this.#take()
    socket.writeBoth(head, chunk)
  }

  /** Sends what lies here. */
  flush(): void {
    const owner = this.#owner
    if (this.#length > 0) owner!.write(this.#take())
    this.#owner = undefined
  }

  #take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length)
    this.#length = 0
    return bytes
  }

  #claim(socket: Socket, room: number): void {
    if (this.#owner !== socket || this.#length + room > outputBytes) this.flush()
    this.#owner = socket
  }
}
