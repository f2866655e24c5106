/**
 * Refuses packets above the limit before they are gathered in memory: only the fixed headers are read
 * (MQTT 3.1.1 §2.2), as the bytes go by.
 *
 * ```text
 *   byte 0   type and flags
 *   byte 1…4 remaining length, 7 bits each, lowest first, 0x80: one more follows
 *   then     that many bytes
 * ```
 */
export class PacketGuard {
  readonly #bytesMax: number
  /** Bytes of the current packet's body that have not gone by yet. */
  #body = 0
  /** Bytes of the current fixed header seen so far; 0 between packets. */
  #header = 0
  #length = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** False when a packet in these bytes announces more than is allowed, or no valid length. */
  accept(chunk: Uint8Array): boolean {
    for (let at = 0; at < chunk.length;) {
      const skipped = Math.min(this.#body, chunk.length - at)
      this.#body -= skipped
      at += skipped
      if (at < chunk.length && !this.#readHeader(chunk[at++]!)) return false
    }
    return true
  }

  #readHeader(byte: number): boolean {
    const lengthBytesMax = 4
    if (this.#header++ === 0) {
      this.#length = 0
      return true
    }
    this.#length += (byte & 0x7f) * 128 ** (this.#header - 2)
    if (byte >= 0x80) return this.#header <= lengthBytesMax
    this.#header = 0
    this.#body = this.#length
    return this.#length <= this.#bytesMax
  }
}
