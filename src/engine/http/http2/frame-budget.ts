/**
 * What a client may make its connection do for nothing: frames that bring no work, and streams that are begun
 * only to end. Both come back with time, frames with work as well; a client that has used them up is asked to
 * go.
 */
import { errorCodes } from './error-codes.ts'
import { FloodGuard } from './flood-guard.ts'
import type { Http2Connection } from './http2-connection.ts'
import type { Http2Stream } from './http2-stream.ts'
import {
  idleFramesBurstMax,
  idleFramesPerSecondMax,
  earnedBySendingFrames,
  earnedByWorkFrames,
  resetsBurstMax,
  resetsPerSecondMax,
  tinyFrameBytesMax,
} from './limits.ts'

const idleAllowance = { burst: idleFramesBurstMax, perSecond: idleFramesPerSecondMax }
const resetAllowance = { burst: resetsBurstMax, perSecond: resetsPerSecondMax }

export class FrameBudget {
  readonly #connection: Http2Connection
  readonly #idleFrames: FloodGuard
  readonly #resets: FloodGuard

  constructor(connection: Http2Connection) {
    const now = connection.now()
    this.#connection = connection
    this.#idleFrames = new FloodGuard(idleAllowance, now)
    this.#resets = new FloodGuard(resetAllowance, now)
  }

  /** A frame of the client's had work in it. */
  onWork(): void {
    this.#idleFrames.earn(earnedByWorkFrames)
  }

  /** A frame of a body was sent: the client will give room for the next. */
  onSent(bytes: number): void {
    if (bytes > tinyFrameBytesMax) this.#idleFrames.earn(earnedBySendingFrames)
  }

  /** A frame of the client's had none. */
  onIdleFrame(): void {
    if (this.#idleFrames.spend(this.#connection.now())) return
    this.#connection.fail(errorCodes.enhanceYourCalm, 'too many frames without work in them')
  }

  /** A stream has come to nothing; `problem` is what there were too many of, if so. */
  onReset(problem: string): void {
    if (!this.#connection.reading || this.#resets.spend(this.#connection.now())) return
    this.#connection.fail(errorCodes.enhanceYourCalm, problem)
  }

  /** Ends a stream by the client's fault. */
  endFaulty(stream: Http2Stream, code: number): void {
    stream.reset(code)
    this.onReset('too many faulty streams')
  }
}
