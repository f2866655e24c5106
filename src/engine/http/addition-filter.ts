/**
 * Puts responses of other locations before and behind a body.
 *
 * ```text
 *   body ──▶ first piece: subrequest "before" ──▶ its body ──▶ what waited ──▶ … ──▶ end: subrequest "after"
 * ```
 *
 * The body waits while the first subrequest runs; its end waits for the second.
 */
import type { BodyFilter } from './body-filter.ts'
import type { Request } from './request.ts'
import { startSubrequest, type SubrequestSink } from './subrequest.ts'

export class AdditionFilter implements BodyFilter {
  readonly #request: Request
  /** Empty for none, or none any more. */
  #before: string
  #after: string
  #subrequest: Request | undefined = undefined
  #running = false
  readonly #sink: Sink
  /** Pieces of the body that came while the first subrequest ran. */
  #waiting: Buffer[] = []
  #ending = false

  constructor(request: Request, before: string, after: string) {
    this.#request = request
    this.#sink = new Sink((bytes, from, to) => request.passBody(this, bytes, from, to))
    this.#before = before
    this.#after = after
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    if (this.#before === '' && !this.#running) {
      return this.#request.passBody(this, bytes, from, to)
    }
    // A copy: what the subrequest reads may go through the same memory.
    this.#waiting.push(Buffer.from(bytes.subarray(from, to)))
    this.#goOn()
    return !this.#running && this.#sink.writable
  }

  end(): void {
    this.#ending = true
    this.#goOn()
  }

  onWritable(): boolean {
    this.#sink.writable = true
    this.#subrequest?.onWritable()
    return !this.#running && !this.#ending
  }

  onAbort(): void {
    this.#waiting = []
  }

  /** Does what is next, until something has to be waited for. */
  #goOn(): void {
    if (this.#running) return
    if (this.#before !== '') {
      const uri = this.#before
      this.#before = ''
      this.#start(uri)
      if (this.#running) return
    }
    for (const bytes of this.#waiting.splice(0)) this.#sink.write(bytes, 0, bytes.length)
    if (!this.#ending) return
    if (this.#after === '') {
      this.#request.passEnd(this)
      return
    }
    const uri = this.#after
    this.#after = ''
    this.#start(uri)
    if (!this.#running) this.#request.passEnd(this)
  }

  /** Runs a subrequest; it may be over before this returns. */
  #start(uri: string): void {
    this.#running = true
    let within = true
    const subrequest = startSubrequest(this.#request, {
      uri,
      args: '',
      sink: this.#sink,
      onDone: () => {
        this.#running = false
        this.#subrequest = undefined
        if (!within) this.#resume()
      },
    })
    within = false
    if (subrequest === undefined) this.#running = false
    else if (this.#running) this.#subrequest = subrequest
  }

  /** A subrequest that took its time is over. */
  #resume(): void {
    const request = this.#request
    request.carrier.cork()
    this.#goOn()
    if (!this.#running && !this.#ending && this.#sink.writable) request.wakeProducer()
    request.carrier.uncork()
  }
}

/** What goes to the client from here, whoever says it. */
class Sink implements SubrequestSink {
  /** False while the client takes no more. */
  writable = true
  readonly #pass: BodyFilter['write']

  constructor(pass: BodyFilter['write']) {
    this.#pass = pass
  }

  write(bytes: Buffer, from: number, to: number): void {
    this.writable = this.#pass(bytes, from, to)
  }
}
