/** Answers whose body is a text that is there: sent, and looked at, without reading a stream. */

export class TextResponse extends globalThis.Response {
  /** The body. */
  readonly whole: string

  constructor(whole: string, init?: ResponseInit) {
    super(whole, init)
    this.whole = whole
  }
}
