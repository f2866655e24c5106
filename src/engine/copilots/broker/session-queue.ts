/**
 * What waits for one session's client, in the order in which it came, by the id of its row in the file.
 */
import { brokerLimits } from './limits.ts'
import { payloadBytes, type Queued } from './message.ts'

export class SessionQueue {
  readonly #packets = new Map<number, Queued>()
  #bytes = 0

  get size(): number {
    return this.#packets.size
  }

  /** True when no further message is taken. */
  get full(): boolean {
    return (
      this.#packets.size >= brokerLimits.queuedPerSessionMax ||
      this.#bytes >= brokerLimits.queuedBytesPerSessionMax
    )
  }

  packets(): Queued[] {
    return [...this.#packets.values()]
  }

  /** Adds a row, or puts another packet into its place. */
  set(row: number, packet: Queued): void {
    this.#bytes += bytesOf(packet) - bytesOf(this.#packets.get(row))
    this.#packets.set(row, packet)
  }

  delete(row: number): void {
    this.#bytes -= bytesOf(this.#packets.get(row))
    this.#packets.delete(row)
  }

  /** The first row that the test holds for. */
  find(test: (packet: Queued) => boolean): { row: number; packet: Queued } | undefined {
    for (const [row, packet] of this.#packets) if (test(packet)) return { row, packet }
    return undefined
  }
}

function bytesOf(packet: Queued | undefined): number {
  return packet?.cmd === 'publish' ? payloadBytes(packet.payload) + packet.topic.length : 0
}
