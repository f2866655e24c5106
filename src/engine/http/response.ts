/**
 * The head of a response while it is made: what handlers set and filters change, before it is written.
 *
 * The object belongs to its request and is used again with it; `clear` makes it new.
 *
 * A response that comes from another server keeps its fields where they came, as bytes (`forwarded`), and
 * most of them are copied from there to the client. Whoever asks for one gets its text; whoever sets one
 * puts it in the place of the bytes.
 */
import { safeValue } from './safe-value.ts'
import type { UpstreamHead } from './upstream-head.ts'
import { upstreamNameId } from './upstream-names.ts'
import type { ByteRanges } from './range.ts'

const none = -1

/** Fields that are still to be read from the forwarded head. */
const unread = { type: 1, modified: 2, etag: 4, location: 8 } as const

const typeId = upstreamNameId('content-type')
const modifiedId = upstreamNameId('last-modified')
const etagId = upstreamNameId('etag')
const locationId = upstreamNameId('location')

export class Response {
  status: number = 200
  /** Bytes of the body; -1 when nobody knows. */
  contentLength: number = none
  /** `WWW-Authenticate`, while access is denied for want of credentials. */
  challenge: string | undefined = undefined
  /** True when ranges of the body can be asked for. */
  allowRanges: boolean = false
  /** True when its producer can send any parts of the body by itself, as `ranges` has them then. */
  seekable: boolean = false
  /** The parts that are asked for, while the producer is to pick them. */
  ranges: ByteRanges | undefined = undefined
  /** It depends on what encodings the client takes: `gzip_vary`. */
  varies: boolean = false
  /** Set by a header filter to the status that is sent instead; 0 for none. */
  refusal: number = 0
  /** Fields behind the body, in order; set by `addTrailer`. */
  readonly trailerNames: string[] = []
  readonly trailerValues: string[] = []
  /** Set when the head has been written: nothing of the above may change any more. */
  headSent: boolean = false
  /** Sent in chunks, because the length is not known. */
  chunked: boolean = false
  /** No body follows: HEAD, 204, 304. */
  headOnly: boolean = false
  /** Head of another server's response, as far as nobody has changed it. */
  forwarded: UpstreamHead | undefined = undefined
  #unread = 0
  #contentType: string | undefined = undefined
  #charset: string | undefined = undefined
  #lastModified = none
  #etag: string | undefined = undefined
  #location: string | undefined = undefined
  readonly #names: string[] = []
  readonly #values: string[] = []

  /** Answers with the fields of another server's response, by reference. */
  forward(head: UpstreamHead): void {
    const { first } = head
    this.forwarded = head
    this.#unread =
      (first[typeId]! >= 0 ? unread.type : 0) |
      (first[modifiedId]! >= 0 ? unread.modified : 0) |
      (first[etagId]! >= 0 ? unread.etag : 0) |
      (first[locationId]! >= 0 ? unread.location : 0)
  }

  /** True while `Content-Type` is what the other server has sent. */
  get forwardsType(): boolean {
    return (this.#unread & unread.type) !== 0
  }

  /** True while `Location` is what the other server has sent: it is never made absolute. */
  get forwardsLocation(): boolean {
    return (this.#unread & unread.location) !== 0
  }

  /** Media type without charset; `undefined` for no `Content-Type`. */
  get contentType(): string | undefined {
    return (this.#unread & unread.type) === 0 ? this.#contentType : this.#readType()[0]
  }

  set contentType(type: string | undefined) {
    if ((this.#unread & unread.type) !== 0) this.#charset = this.#readType()[1]
    this.#unread &= ~unread.type
    this.#contentType = type
  }

  get charset(): string | undefined {
    return (this.#unread & unread.type) === 0 ? this.#charset : this.#readType()[1]
  }

  set charset(charset: string | undefined) {
    if ((this.#unread & unread.type) !== 0) this.#contentType = this.#readType()[0]
    this.#unread &= ~unread.type
    this.#charset = charset
  }

  /** Milliseconds since the epoch, whole seconds; -1 for none. */
  get lastModified(): number {
    if ((this.#unread & unread.modified) === 0) return this.#lastModified
    const time = Date.parse(this.forwarded!.valueOf(modifiedId)!)
    return Number.isNaN(time) ? none : time
  }

  set lastModified(time: number) {
    this.#replace(unread.modified, modifiedId)
    this.#lastModified = time
  }

  get etag(): string | undefined {
    return (this.#unread & unread.etag) === 0 ? this.#etag : this.forwarded!.valueOf(etagId)
  }

  set etag(etag: string | undefined) {
    this.#replace(unread.etag, etagId)
    this.#etag = etag
  }

  /** `Location`; one that starts with "/" is made absolute when it is written. */
  get location(): string | undefined {
    return (this.#unread & unread.location) === 0
      ? this.#location
      : this.forwarded!.valueOf(locationId)
  }

  set location(location: string | undefined) {
    this.#replace(unread.location, locationId)
    this.#location = location
  }

  /** `ETag` and `Last-Modified` where they are not what the other server has sent. */
  get changedEtag(): string | undefined {
    return (this.#unread & unread.etag) === 0 ? this.#etag : undefined
  }

  get changedTime(): number {
    return (this.#unread & unread.modified) === 0 ? this.#lastModified : none
  }

  /** Other fields, in order; set by `add`. */
  get names(): readonly string[] {
    if (this.forwarded !== undefined) this.#unfold()
    return this.#names
  }

  get values(): readonly string[] {
    if (this.forwarded !== undefined) this.#unfold()
    return this.#values
  }

  /** What `add` has added to a forwarded head. */
  get addedNames(): readonly string[] {
    return this.#names
  }

  get addedValues(): readonly string[] {
    return this.#values
  }

  clear(): void {
    this.status = 200
    this.clearEntity()
    empty(this.#names, this.#values)
    empty(this.trailerNames, this.trailerValues)
    this.#location = undefined
    this.challenge = undefined
    this.headSent = false
    this.chunked = false
    this.headOnly = false
    this.refusal = 0
  }

  /** Forgets what described a body that is not going to be sent. */
  clearEntity(): void {
    this.forwarded = undefined
    this.#unread = 0
    this.#contentType = undefined
    this.#charset = undefined
    this.contentLength = none
    this.#lastModified = none
    this.#etag = undefined
    this.allowRanges = false
    this.seekable = false
    this.ranges = undefined
    this.varies = false
  }

  /** Adds a field. A value with control characters loses them: it may come from the client. */
  add(name: string, value: string): void {
    this.#names.push(name)
    this.#values.push(safeValue(value))
  }

  /** Adds a field behind the body; it is sent where the protocol has a place for it. */
  addTrailer(name: string, value: string): void {
    this.trailerNames.push(name)
    this.trailerValues.push(safeValue(value))
  }

  /** First value of a field, its name in lower case. */
  get(lowerName: string): string | undefined {
    const forwarded = this.forwarded?.find(lowerName) ?? none
    if (forwarded !== none) return this.forwarded!.shownValue(forwarded)
    for (let i = 0; i < this.#names.length; i++) {
      if (this.#names[i]!.toLowerCase() === lowerName) return this.#values[i]
    }
    return undefined
  }

  /** Takes a field away, its name in lower case. */
  remove(lowerName: string): void {
    const { forwarded } = this
    if (forwarded !== undefined) {
      for (let at = forwarded.find(lowerName); at !== none; at = forwarded.find(lowerName)) {
        forwarded.hide(at)
      }
    }
    for (let i = this.#names.length - 1; i >= 0; i--) {
      if (this.#names[i]!.toLowerCase() !== lowerName) continue
      this.#names.splice(i, 1)
      this.#values.splice(i, 1)
    }
  }

  /**
   * A filter makes another body of it: the length is not known any more, parts of the old one are not parts
   * of the new one, and the two are the same in meaning only (RFC 9110 §8.8.1).
   */
  changeBody(): void {
    this.contentLength = none
    this.allowRanges = false
    const { etag } = this
    if (etag === undefined || etag.startsWith('W/')) return
    this.etag = etag.startsWith('"') ? `W/${etag}` : undefined
  }

  #replace(bit: number, id: number): void {
    if ((this.#unread & bit) === 0) return
    this.#unread &= ~bit
    this.forwarded!.hideAll(id)
  }

  /** Type and charset of the forwarded field, told apart as nginx does. */
  #readType(): readonly [string, string | undefined] {
    const text = this.forwarded!.valueOf(typeId)!
    const match = /; *charset=([^;]*)/i.exec(text)
    if (match === null) return [text, undefined]
    return [text.slice(0, match.index), match[1]!.replaceAll('"', '')]
  }

  /** Makes texts of a forwarded head, for who wants to see all fields. */
  #unfold(): void {
    const head = this.forwarded!
    const { contentType, charset, lastModified, etag } = this
    this.contentType = contentType
    this.charset = charset
    this.lastModified = lastModified
    this.etag = etag
    // It stays a field among others: it would be made absolute otherwise.
    this.#unread = 0
    const [names, values]: [string[], string[]] = [[], []]
    for (let field = 0; field < head.count; field++) {
      if (head.isHidden(field)) continue
      names.push(head.name(field))
      values.push(head.shownValue(field))
    }
    this.#names.unshift(...names)
    this.#values.unshift(...values)
    this.forwarded = undefined
  }
}

/** Setting the length of an array is a call into the engine; taking its few items out one by one is not. */
function empty(names: string[], values: string[]): void {
  while (names.length > 0) {
    names.pop()
    values.pop()
  }
}
