/**
 * What a stream has to send and may not yet: pieces of a body that wait for a window or for the socket.
 *
 * Producers stop when they are told to, so that this holds a piece or two; they are copies, because the
 * memory of a piece is its producer's.
 */
export class SendQueue {
  readonly #pieces: Buffer[] = []
  #first = 0
  /** How far the first piece was sent. */
  #at = 0
  length: number = 0

  append(bytes: Buffer, from: number, to: number): void {
    this.#pieces.push(Buffer.from(bytes.subarray(from, to)))
    this.length += to - from
  }

  /** The piece whose turn it is, from `from` on. */
  get piece(): Buffer {
    return this.#pieces[this.#first]!
  }

  get from(): number {
    return this.#at
  }

  /** Goes on behind what was sent of the piece. */
  advance(bytes: number): void {
    this.#at += bytes
    this.length -= bytes
    if (this.#at < this.piece.length) return
    this.#at = 0
    this.#first += 1
    if (this.#first === this.#pieces.length) this.clear()
  }

  clear(): void {
    this.#pieces.length = 0
    this.#first = 0
    this.#at = 0
    this.length = 0
  }
}
