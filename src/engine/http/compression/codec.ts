/**
 * Turning bytes into other bytes at once: compressions, and their reverse.
 *
 * ```text
 *   feed(bytes) ──▶ step() ──▶ output[0, n)     again while `more`
 *                   finish() ──▶ …              after the last feed, again while `more`
 * ```
 *
 * All codecs of a kind share one piece of memory for input and one for output, so what `feed` took must be
 * used up, or kept by the caller, before another codec of the kind is fed. Nothing here waits.
 */

export interface Codec {
  /** What the last step put out. */
  readonly output: Buffer
  /** True when another step would put out more without further input. */
  readonly more: boolean
  /** Takes up to `codecInputBytesMax` bytes. */
  feed(bytes: Buffer, from: number, to: number): void
  /** Works on the input; returns how many bytes it put out, or -1 for input that makes no sense. */
  step(): number
  /** As `step`, until all that was fed can be read by the receiver. */
  flush(): number
  /** As `step`, with the end of the data behind it. */
  finish(): number
  /** Input that no step has used yet; valid until the next codec of the kind is fed. */
  unused(): Buffer
  /** Gives back its memory, or keeps it for the next. */
  close(): void
}

/** One feed. It bounds how long the event loop is kept from others: a millisecond or two. */
export const codecInputBytesMax: number = 64 * 1024
export const codecOutputBytes: number = 64 * 1024

/** States that wait for their next use, per kind; one takes a quarter of a megabyte. */
export const idleCodecsMax = 16
