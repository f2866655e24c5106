/**
 * The head of a response while it is made: what handlers set and filters change, before it is written.
 *
 * The object belongs to its request and is used again with it; `clear` makes it new.
 */

const none = -1

export class Response {
  status: number = 200
  /** Media type without charset; `undefined` for no `Content-Type`. */
  contentType: string | undefined = undefined
  charset: string | undefined = undefined
  /** Bytes of the body; -1 when nobody knows. */
  contentLength: number = none
  /** Milliseconds since the epoch, whole seconds; -1 for none. */
  lastModified: number = none
  etag: string | undefined = undefined
  /** `Location`; one that starts with "/" is made absolute when it is written. */
  location: string | undefined = undefined
  /** `WWW-Authenticate`, while access is denied for want of credentials. */
  challenge: string | undefined = undefined
  /** True when ranges of the body can be asked for. */
  allowRanges: boolean = false
  /** Other fields, in order; set by `add`. */
  readonly names: string[] = []
  readonly values: string[] = []
  /** Fields behind the body, in order; set by `addTrailer`. */
  readonly trailerNames: string[] = []
  readonly trailerValues: string[] = []
  /** Set when the head has been written: nothing of the above may change any more. */
  headSent: boolean = false
  /** Sent in chunks, because the length is not known. */
  chunked: boolean = false
  /** No body follows: HEAD, 204, 304. */
  headOnly: boolean = false

  clear(): void {
    this.status = 200
    this.clearEntity()
    this.names.length = 0
    this.values.length = 0
    this.trailerNames.length = 0
    this.trailerValues.length = 0
    this.location = undefined
    this.challenge = undefined
    this.headSent = false
    this.chunked = false
    this.headOnly = false
  }

  /** Forgets what described a body that is not going to be sent. */
  clearEntity(): void {
    this.contentType = undefined
    this.charset = undefined
    this.contentLength = none
    this.lastModified = none
    this.etag = undefined
    this.allowRanges = false
  }

  /** Adds a field. A value with control characters loses them: it may come from the client. */
  add(name: string, value: string): void {
    this.names.push(name)
    this.values.push(safeValue(value))
  }

  /** Adds a field behind the body; it is sent where the protocol has a place for it. */
  addTrailer(name: string, value: string): void {
    this.trailerNames.push(name)
    this.trailerValues.push(safeValue(value))
  }

  /** First value of a field, its name in lower case. */
  get(lowerName: string): string | undefined {
    for (let i = 0; i < this.names.length; i++) {
      if (this.names[i]!.toLowerCase() === lowerName) return this.values[i]
    }
    return undefined
  }
}

// oxlint-disable-next-line no-control-regex
const unsafe = /[\0-\x08\n-\x1f\x7f]/
const unsafeAll = new RegExp(unsafe.source, 'g')

/** A line break in a value would begin a field, or a response, of somebody else's making. */
export function safeValue(value: string): string {
  return unsafe.test(value) ? value.replaceAll(unsafeAll, ' ') : value
}
