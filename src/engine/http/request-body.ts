/**
 * The body of a request: nothing of it is read until a handler asks, and no faster than the handler takes it.
 *
 * ```text
 *   unread ──read(sink)──▶ reading ──▶ complete           onBody…, onBodyEnd
 *      │                      └──────▶ failed             onBodyError(status)
 *      └──────discard()──▶ discarding ──▶ complete        so that the connection can serve another request
 * ```
 */
import { BodyDecoder } from './body-decoder.ts'
import type { BodySink } from './body-decoder.ts'
import { again, done } from './parser.ts'

/** Takes a body. Pieces are valid only during the call. */
export interface RequestBodySink extends BodySink {
  onBodyEnd(): void
  /** The body is broken or too large, or the client has gone; the status says which. */
  onBodyError(status: number): void
}

/** What a body asks of its connection. */
export interface BodySource {
  /** Bytes are wanted now: `100 Continue` is sent where it was asked for, and what waits is delivered. */
  wantBody(): void
  pauseBody(): void
}

const states = { unread: 0, reading: 1, discarding: 2, complete: 3, failed: 4 } as const

export class RequestBody {
  readonly #source: BodySource
  readonly #decoder = new BodyDecoder()
  #state: number = states.complete
  #sink: RequestBodySink | undefined = undefined
  #maxBytes = 0
  #paused = false
  /** Received when the rest began to be thrown away; -1 while that has not begun. */
  #taken = -1

  constructor(source: BodySource) {
    this.#source = source
  }

  /** `length` -1 for chunks, `Infinity` for as much as comes until `finish`; `maxBytes` 0 for no limit. */
  reset(hasBody: boolean, length: number, maxBytes: number): void {
    this.#decoder.reset(hasBody ? length : 0)
    this.#state = hasBody ? states.unread : states.complete
    this.#sink = undefined
    this.#maxBytes = maxBytes
    this.#paused = false
    this.#taken = -1
  }

  /** `client_max_body_size` of the location that was found; 0 for no limit. */
  limit(maxBytes: number): void {
    this.#maxBytes = maxBytes
  }

  get complete(): boolean {
    return this.#state === states.complete
  }

  /** True while no handler has asked for it. */
  get unread(): boolean {
    return this.#state === states.unread
  }

  /** True while a handler waits for more of it. */
  get reading(): boolean {
    return this.#state === states.reading
  }

  get failed(): boolean {
    return this.#state === states.failed
  }

  /** True when bytes that arrive can be taken at once. */
  get flowing(): boolean {
    const open = this.#state === states.reading || this.#state === states.discarding
    return open && !this.#paused
  }

  get received(): number {
    return this.#decoder.received
  }

  /** Bytes that a handler asked for: what is read to be thrown away does not count. */
  get taken(): number {
    return this.#taken < 0 ? this.#decoder.received : this.#taken
  }

  /** What was wrong, for the log. */
  get problem(): string {
    return this.#decoder.problem
  }

  /** Delivers the body to `sink`, possibly during this call. */
  read(sink: RequestBodySink): void {
    if (this.#state === states.complete) {
      sink.onBodyEnd()
      return
    }
    if (this.#state !== states.unread) {
      sink.onBodyError(400)
      return
    }
    this.#sink = sink
    this.#state = states.reading
    this.#source.wantBody()
  }

  /** Reads the rest for nobody. */
  discard(): void {
    if (this.#state === states.complete || this.#state === states.failed) return
    this.#sink = undefined
    this.#paused = false
    this.#taken = this.#decoder.received
    this.#state = states.discarding
  }

  /** Stops delivery; more than what is on its way comes only after `resume`. */
  pause(): void {
    if (this.#state !== states.reading) return
    this.#paused = true
    this.#source.pauseBody()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#source.wantBody()
  }

  /** The connection brings bytes; returns how far it got in them. */
  take(chunk: Buffer, from: number): number {
    const outcome = this.#decoder.decode(chunk, from, this)
    const { at } = this.#decoder
    if (this.#state === states.failed) return at
    if (outcome === done || this.#decoder.complete) this.#complete()
    else if (outcome !== again) this.fail(outcome)
    return at
  }

  /** The carrier knows that nothing more comes, where the fields did not say how much would. */
  finish(): void {
    if (this.#state !== states.failed && this.#state !== states.complete) this.#complete()
  }

  /** Also used by the connection when the client has gone or is too slow. */
  fail(status: number): void {
    if (this.#state === states.complete || this.#state === states.failed) return
    const sink = this.#sink
    this.#state = states.failed
    this.#sink = undefined
    sink?.onBodyError(status)
  }

  onBody(chunk: Buffer, start: number, end: number): void {
    if (this.#state === states.failed) return
    if (this.#maxBytes > 0 && this.#decoder.received > this.#maxBytes) {
      this.fail(413)
      return
    }
    this.#sink?.onBody(chunk, start, end)
  }

  #complete(): void {
    const sink = this.#sink
    this.#state = states.complete
    this.#sink = undefined
    sink?.onBodyEnd()
  }
}
