/**
 * Sends parts of a file piece by piece: the next piece is read when the kernel has taken the last one, so
 * that a slow client costs nothing but its descriptor.
 *
 * Pieces are read at once and into memory of the process, as nginx does it without `aio`: what is served
 * lies in the kernel's memory nearly always. A fast client has a few pieces in one turn of the event loop;
 * then others have theirs.
 */
import { fileSystem } from '../net/create-file-system.ts'
import { errnoText, systemError } from '../net/errors.ts'
import { filePiecesPerTurnMax } from './limits.ts'
import type { OpenFile } from './open-file.ts'
import type { BodyPart, ByteRanges } from './range.ts'
import type { BodyProducer, Request } from './request.ts'

export class FileStream implements BodyProducer {
  readonly #request: Request
  readonly #file: OpenFile
  readonly #ranges: ByteRanges
  #part = 0
  /** Place in the file of the next byte of the part. */
  #at: number
  #over = false
  #turnDue = false

  /** Takes the file over. */
  constructor(request: Request, file: OpenFile, ranges: ByteRanges) {
    this.#request = request
    this.#file = file
    this.#ranges = ranges
    this.#at = ranges.parts[0]!.start
  }

  start(): void {
    this.#request.producer = this
    this.#send()
  }

  onWritable(): void {
    if (!this.#turnDue) this.#send()
  }

  /** Files are sent to the end, as far as the client takes them. */
  onClientEnd(): void {}

  onAbort(): void {
    this.#end()
  }

  #send(): void {
    for (let pieces = 0; !this.#over; pieces += 1) {
      if (pieces === filePiecesPerTurnMax) {
        this.#goOnLater()
        return
      }
      const part = this.#ranges.parts[this.#part]
      if (part === undefined) {
        this.#finish()
        return
      }
      if (!this.#sendPiece(part)) return
    }
  }

  /** False when the client must take some first, or there is no more to be had. */
  #sendPiece({ head, start, end }: BodyPart): boolean {
    const request = this.#request
    if (head !== undefined && this.#at === start) request.write(head)
    const files = fileSystem()
    const bytes = files.read(this.#file.descriptor, this.#at, end - this.#at)
    if (bytes <= 0) {
      this.#fail(bytes)
      return false
    }
    this.#at += bytes
    if (this.#at === end) this.#nextPart()
    return request.writeRange(files.piece, 0, bytes)
  }

  #nextPart(): void {
    this.#part += 1
    this.#at = this.#ranges.parts[this.#part]?.start ?? 0
  }

  #goOnLater(): void {
    this.#turnDue = true
    setImmediate(() => {
      this.#turnDue = false
      if (this.#over) return
      const { carrier } = this.#request
      carrier.cork()
      this.#send()
      carrier.uncork()
    })
  }

  #fail(error: number): void {
    const request = this.#request
    const reason =
      error === 0 ? 'it became shorter while it was sent' : errnoText(systemError('read', -error))
    this.#end()
    request.logError(`reading a file failed (${reason})`, 'crit')
    request.finalize(500)
  }

  #finish(): void {
    const request = this.#request
    const { tail } = this.#ranges
    if (tail !== undefined) request.write(tail)
    this.#end()
    request.end()
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#file.release()
  }
}
