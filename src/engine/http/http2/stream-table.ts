/**
 * The streams of a connection that are open, and the turns of those that wait for room.
 *
 * Every stream that waits sends one piece in its turn, and a new turn begins when all have had theirs, so
 * that a large response does not keep small ones waiting.
 */
import type { Http2Connection } from './http2-connection.ts'
import { Http2Stream } from './http2-stream.ts'
import { idleStreamsMax } from './limits.ts'

export class StreamTable {
  readonly #connection: Http2Connection
  readonly #open = new Map<number, Http2Stream>()
  readonly #awaiting = new Set<Http2Stream>()
  readonly #idle: Http2Stream[] = []
  #pumping = false

  constructor(connection: Http2Connection) {
    this.#connection = connection
  }

  get size(): number {
    return this.#open.size
  }

  get(id: number): Http2Stream | undefined {
    return this.#open.get(id)
  }

  /** A stream object for an id; it counts as open from now on. */
  take(id: number): Http2Stream {
    const stream = this.#idle.pop() ?? new Http2Stream(this.#connection)
    this.#open.set(id, stream)
    return stream
  }

  release(stream: Http2Stream): void {
    this.#open.delete(stream.id)
    if (this.#idle.length < idleStreamsMax) this.#idle.push(stream)
  }

  await(stream: Http2Stream): void {
    this.#awaiting.add(stream)
  }

  stopAwaiting(stream: Http2Stream): void {
    this.#awaiting.delete(stream)
  }

  /** Changes the windows of all by what the client's SETTINGS have changed; false when one grows too large. */
  grow(bytes: number): boolean {
    for (const stream of this.#open.values()) if (!stream.grow(bytes)) return false
    return true
  }

  /** Lets those that wait go on, turn by turn, as far as there is room. */
  pump(): void {
    // A producer that goes on within its turn comes here again by way of its stream.
    if (this.#pumping) return
    this.#pumping = true
    let moved = true
    while (moved && this.#connection.reading) {
      moved = false
      for (const stream of [...this.#awaiting]) {
        if (!this.#connection.mayPush) break
        if (!this.#awaiting.has(stream) || !stream.movable) continue
        stream.pump()
        moved = true
      }
    }
    this.#pumping = false
  }

  /** The connection is gone, and so are all its requests. */
  dropAll(): void {
    for (const stream of [...this.#open.values()]) stream.drop()
  }
}
